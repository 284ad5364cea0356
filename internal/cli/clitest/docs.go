package clitest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/clewhq/clew/internal/cli"
)

// Docs checks that docs/cli, seen from the package of the program, has the help
// of every command of root; with -update it writes the page.
func Docs(t *testing.T, root *cobra.Command) {
	t.Helper()
	path := filepath.Join("..", "..", "docs", "cli", root.Name()+".md")
	want := page(t, root)
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; make generate writes it", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is not what --help prints; make generate rewrites it (-help +page):\n%s", path, diff)
	}
}

func page(t *testing.T, root *cobra.Command) []byte {
	t.Helper()
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n\nGenerated from the program's own help by `make generate`.\n", root.Name())
	root.SetOut(&b)
	cli.Complete(root)
	section(t, &b, root)
	return b.Bytes()
}

func section(t *testing.T, b *bytes.Buffer, c *cobra.Command) {
	t.Helper()
	if c.HasParent() {
		fmt.Fprintf(b, "\n## %s\n", c.CommandPath())
	}
	fmt.Fprint(b, "\n```text\n")
	c.InitDefaultHelpFlag()
	if err := c.Help(); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(b, "```\n")
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" && c.Name() != "completion" {
			section(t, b, sub)
		}
	}
}
