package cli

import (
	"bufio"
	"io"
)

// Streams are the three ways in and out of a program.
type Streams struct {
	In io.Reader
	// Out takes results and nothing else. It is buffered; its write errors stick
	// until the Flush that Run does at the end and checks, so a command need not
	// check each Fprintf. A command that runs for long calls Flush itself at the
	// end of each interval, and ends when that fails. Not safe for concurrent use.
	Out *bufio.Writer
	// Err takes talk, progress and warnings. It is not buffered.
	Err io.Writer
	// Color says whether the reader of Out wants ANSI colours.
	Color bool
}
