package cli_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/internal/cli"
)

var (
	pprof      = cli.Format{Name: "pprof", Suffixes: []string{".pb.gz"}}
	speedscope = cli.Format{Name: "speedscope", Suffixes: []string{".speedscope.json"}}
)

// writer is a program that writes the name of the format it was asked for.
func writer(c *cobra.Command, s cli.Streams) {
	o := cli.OutputFlags(c, cli.Text, speedscope, cli.JSON, cli.Markdown, cli.HTML, pprof)
	c.RunE = func(*cobra.Command, []string) error {
		return o.Write(s, func(w io.Writer, f cli.Format) error {
			if f.Name != o.Format().Name {
				return fmt.Errorf("Format says %s, Write %s", o.Format().Name, f.Name)
			}
			_, err := io.WriteString(w, f.Name)
			return err
		})
	}
}

func TestOutputFormat(t *testing.T) {
	tests := []struct {
		name string
		args string
		want string // in the file, or on standard output
	}{
		{"default", "", "text"},
		{"standard output", "-o -", "text"},
		{"format", "--format html", "html"},
		{"json", "--json", "json"},
		{"suffix", "-o $DIR/a.md", "markdown"},
		{"second suffix", "-o $DIR/a.htm", "html"},
		{"double suffix", "-o $DIR/a.pb.gz", "pprof"},
		{"longest suffix", "-o $DIR/a.speedscope.json", "speedscope"},
		{"part of it", "-o $DIR/a.json", "json"},
		{"no suffix", "-o $DIR/report", "text"},
		{"format over suffix", "-o $DIR/a.json --format text", "text"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			r := call(t, writer, strings.Fields(strings.ReplaceAll(tt.args, "$DIR", dir))...)
			if r.status != 0 || r.errors != "" {
				t.Fatalf("status %d, stderr %q", r.status, r.errors)
			}
			got := r.out
			if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) == 1 {
				b, err := os.ReadFile(files[0])
				if err != nil {
					t.Fatal(err)
				}
				got += string(b)
			}
			if got != tt.want {
				t.Errorf("wrote %q, want %q", got, tt.want)
			}
		})
	}
}

func TestOutputMisuse(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, args, want string }{
		{"unknown format", "--format yaml", "--format yaml: this command writes text, speedscope, json, markdown, html, pprof"},
		{"unknown suffix", "-o $DIR/a.yaml", "no format of this command has the suffix .yaml; add --format text|speedscope|json|markdown|html|pprof"},
		{"no directory", "-o $DIR/no/a.txt", "no such file or directory"},
		{"a file for a directory", "-o $DIR/file/a.txt", "file is not a directory"},
		{"empty", "--output=", "the file's name is empty"},
		{"json and format", "--json --format text", "format json"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := call(t, writer, strings.Fields(strings.ReplaceAll(tt.args, "$DIR", dir))...)
			if r.status != 2 || r.out != "" {
				t.Errorf("status %d, stdout %q; want 2 and nothing", r.status, r.out)
			}
			if !strings.Contains(r.errors, tt.want) || !strings.HasSuffix(r.errors, "\nTry 'meter --help'.\n") {
				t.Errorf("stderr %q, want %q and the way to help", r.errors, tt.want)
			}
		})
	}
}

func TestOutputFlagsKeepPreRun(t *testing.T) {
	r := call(t, func(c *cobra.Command, s cli.Streams) {
		c.PreRunE = func(*cobra.Command, []string) error { return errors.New("first") }
		writer(c, s)
	})
	if want := "meter: first\nTry 'meter --help'.\n"; r.errors != want {
		t.Errorf("stderr %q, want %q", r.errors, want)
	}
}

func TestWriteFile(t *testing.T) {
	write := func(text string) func(io.Writer) error {
		return func(w io.Writer) error {
			_, err := io.WriteString(w, text)
			return err
		}
	}
	read := func(t *testing.T, path string) string {
		t.Helper()
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	// alone checks that no temporary file was left beside path.
	alone := func(t *testing.T, path string, want int) {
		t.Helper()
		entries, err := os.ReadDir(filepath.Dir(path))
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) != want {
			t.Errorf("directory has %v, want %d entries", entries, want)
		}
	}

	t.Run("replaces and keeps permissions", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "a")
		if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := cli.WriteFile(path, write("new")); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, path); got != "new" || info.Mode().Perm() != 0o600 {
			t.Errorf("file has %q and mode %v", got, info.Mode())
		}
		alone(t, path, 1)
	})
	t.Run("keeps the old file when writing fails", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "a")
		if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
			t.Fatal(err)
		}
		broken := errors.New("broken")
		err := cli.WriteFile(path, func(w io.Writer) error { return errors.Join(write("half")(w), broken) })
		if !errors.Is(err, broken) {
			t.Errorf("error %v, want %v", err, broken)
		}
		if got := read(t, path); got != "old" {
			t.Errorf("file has %q, want the old text", got)
		}
		alone(t, path, 1)
	})
	t.Run("removes the temporary file when writing panics", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "a")
		defer func() {
			if recover() == nil {
				t.Error("the panic is gone")
			}
			alone(t, path, 0)
		}()
		_ = cli.WriteFile(path, func(io.Writer) error { panic("boom") })
	})
	t.Run("follows a symbolic link", func(t *testing.T) {
		dir := t.TempDir()
		target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
		if err := os.WriteFile(target, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, link); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
		if err := cli.WriteFile(link, write("new")); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
			t.Errorf("the link became %v (%v)", info.Mode(), err)
		}
		if got := read(t, target); got != "new" {
			t.Errorf("target has %q", got)
		}
	})
	t.Run("writes devices straight", func(t *testing.T) {
		if err := cli.WriteFile(os.DevNull, write("gone")); err != nil {
			t.Error(err)
		}
	})
	t.Run("knows a full disk", func(t *testing.T) {
		if _, err := os.Stat("/dev/full"); err != nil {
			t.Skipf("no full disk here: %v", err)
		}
		if err := cli.WriteFile("/dev/full", write("x")); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("error %v, want %v", err, syscall.ENOSPC)
		}
	})
	t.Run("refuses a directory", func(t *testing.T) {
		if err := cli.WriteFile(t.TempDir(), write("x")); err == nil || !strings.Contains(err.Error(), "it is a directory") {
			t.Errorf("error %v", err)
		}
	})
}
