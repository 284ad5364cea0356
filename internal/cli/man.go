package cli

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// manCommand is hidden: packagers call it, users read what it wrote.
func manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the man pages of all commands into a directory",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return Usagef("want the one directory to write into, got %d arguments", len(args))
			}
			return nil
		},
		Hidden: true,
		RunE: func(c *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("make the directory: %w", err)
			}
			return writeMan(c.Root(), args[0])
		},
	}
}

func writeMan(root *cobra.Command, dir string) error {
	root.DisableAutoGenTag = true
	build := ReadBuild(root.Name())
	// The date is the revision's, so that two builds of it write the same pages.
	date, err := time.Parse(time.RFC3339, build.Time)
	if err != nil {
		date = time.Unix(0, 0).UTC()
	}
	header := &doc.GenManHeader{Section: "1", Date: &date, Source: root.Name() + " " + build.Version}
	if err := doc.GenManTree(root, header, dir); err != nil {
		return fmt.Errorf("write the man pages: %w", err)
	}
	return nil
}
