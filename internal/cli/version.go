package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// versionSchema is the schema_version of `version --json`.
const versionSchema = 1

// Build says which build of a program is running. It comes from what the Go
// toolchain writes into every binary; a field the build did not record is empty.
type Build struct {
	Program  string `json:"program"`
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"` // of the revision, RFC 3339
	Modified bool   `json:"modified"`       // built from a changed work tree
	Go       string `json:"go"`
	Platform string `json:"platform"` // GOOS/GOARCH
}

// ReadBuild returns what the running binary knows of its own build.
func ReadBuild(program string) Build {
	b := Build{Program: program, Version: "(unknown)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func (b Build) String() string {
	s := fmt.Sprintf("%s %s", b.Program, b.Version)
	if b.Revision != "" {
		s += " " + b.Revision
	}
	if b.Modified {
		s += " (modified)"
	}
	return fmt.Sprintf("%s %s %s", s, b.Go, b.Platform)
}

func versionCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "version",
		Short: "Print which build this is",
		Args:  NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			b := ReadBuild(c.Root().Name())
			if asJSON {
				return WriteJSON(c.OutOrStdout(), versionSchema, b)
			}
			_, err := fmt.Fprintln(c.OutOrStdout(), b)
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	return c
}
