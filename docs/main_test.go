// Package docs tests that what the pages say is so: that their commands run,
// their code compiles, their links lead somewhere and their tables are true.
package docs

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "rewrite the generated parts of the pages")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// root is the module's directory, seen from this package.
const root = ".."

// read returns the text of a file of the module.
func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// output runs a command in the module's directory and returns its standard output.
func output(ctx context.Context, t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("%s: %v\n%s%s", strings.Join(cmd.Args, " "), err, out, exit.Stderr)
		}
		t.Fatalf("%s: %v", strings.Join(cmd.Args, " "), err)
	}
	return string(out)
}

// block is a fenced block of a Markdown page.
type block struct {
	lang string
	text string // every line of it ends with a newline
}

// blocks returns the fenced blocks of a page in order.
func blocks(page string) []block {
	var all []block
	var open *block
	for line := range strings.Lines(page) {
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case !isFence && open != nil:
			open.text += line
		case isFence && open != nil:
			all = append(all, *open)
			open = nil
		case isFence:
			open = &block{lang: strings.TrimSpace(fence)}
		}
	}
	return all
}
