package cli

import (
	"os"

	"golang.org/x/term"
)

// Color reports whether ANSI colours belong into f: never under NO_COLOR
// (https://no-color.org), always under CLICOLOR_FORCE other than "0"
// (https://bixense.com/clicolors), else when f is a terminal that is not dumb.
func Color(f *os.File, getenv func(string) string) bool {
	if getenv("NO_COLOR") != "" {
		return false
	}
	if force := getenv("CLICOLOR_FORCE"); force != "" && force != "0" {
		return true
	}
	return getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))
}
