package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// Format is one form in which a command can write its result.
type Format struct {
	Name     string   // the word for --format
	Suffixes []string // the file name endings that choose it, with the dot
}

// The formats that more than one command writes.
var (
	Text     = Format{"text", []string{".txt"}}
	JSON     = Format{"json", []string{".json"}}
	Markdown = Format{"markdown", []string{".md"}}
	HTML     = Format{"html", []string{".html", ".htm"}}
)

// Output is where a command's result goes, and in which format.
type Output struct {
	path    string
	format  string
	json    bool
	formats []Format
}

// OutputFlags adds -o/--output and --format to c, and --json if JSON is among
// formats; the first of formats is the default. What the user said is checked
// before the command's own code begins, by a PreRunE that runs c's own first.
func OutputFlags(c *cobra.Command, formats ...Format) *Output {
	o := &Output{formats: formats}
	fs := c.Flags()
	fs.StringVarP(&o.path, "output", "o", "-", "write to this `file`, whole or not at all; - is standard output")
	fs.StringVar(&o.format, "format", "", fmt.Sprintf("`format` of the output: %s (default: by the file's suffix, else %s)", o.words(), formats[0].Name))
	if slices.ContainsFunc(formats, func(f Format) bool { return f.Name == JSON.Name }) {
		fs.BoolVar(&o.json, "json", false, "the same as --format json")
		c.MarkFlagsMutuallyExclusive("json", "format")
	}
	before := c.PreRunE
	c.PreRunE = func(c *cobra.Command, args []string) error {
		if before != nil {
			if err := before(c, args); err != nil {
				return err
			}
		}
		return o.check()
	}
	return o
}

// Format returns the chosen format.
func (o *Output) Format() Format {
	f, _ := o.choose() // check has seen the error
	return f
}

// Write calls write with the place the user chose, s.Out or a file. A file
// appears under its name only when write and closing it have succeeded; what was
// there before stays until then.
func (o *Output) Write(s Streams, write func(w io.Writer, f Format) error) error {
	f, err := o.choose()
	if err != nil {
		return err
	}
	if o.path == "-" {
		return write(s.Out, f)
	}
	return WriteFile(o.path, func(w io.Writer) error { return write(w, f) })
}

// check finds before a long measurement what would make its result be lost.
func (o *Output) check() error {
	if o.path == "" {
		return errors.New("--output: the file's name is empty; - is standard output")
	}
	if _, err := o.choose(); err != nil {
		return err
	}
	if o.path == "-" {
		return nil
	}
	info, err := os.Stat(filepath.Dir(o.path))
	if err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("--output: %s is not a directory", filepath.Dir(o.path))
	}
	return nil
}

func (o *Output) choose() (Format, error) {
	name := o.format
	if o.json {
		name = JSON.Name
	}
	if name != "" {
		for _, f := range o.formats {
			if f.Name == name {
				return f, nil
			}
		}
		return Format{}, fmt.Errorf("--format %s: this command writes %s", name, o.words())
	}
	// The longest ending wins: .pb.gz is not .gz.
	base := filepath.Base(o.path)
	best, length := o.formats[0], 0
	for _, f := range o.formats {
		for _, suffix := range f.Suffixes {
			if strings.HasSuffix(base, suffix) && len(suffix) > length {
				best, length = f, len(suffix)
			}
		}
	}
	if ext := filepath.Ext(base); length == 0 && ext != "" {
		return Format{}, fmt.Errorf("--output %s: no format of this command has the suffix %s; add --format %s", o.path, ext, strings.Join(o.names(), "|"))
	}
	return best, nil
}

func (o *Output) words() string { return strings.Join(o.names(), ", ") }

func (o *Output) names() []string {
	names := make([]string, len(o.formats))
	for i, f := range o.formats {
		names[i] = f.Name
	}
	return names
}
