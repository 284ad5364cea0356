package cli

import (
	"log/slog"

	"github.com/spf13/cobra"
)

// logFlags adds -q and -v to every command below root.
func logFlags(root *cobra.Command) {
	fs := root.PersistentFlags()
	fs.BoolP("quiet", "q", false, "say nothing on standard error but errors")
	fs.BoolP("verbose", "v", false, "say more on standard error")
	root.MarkFlagsMutuallyExclusive("quiet", "verbose")
}

// Logger returns the logger of a running command. It writes to standard error:
// errors only under -q, everything and the time of it under -v.
func Logger(c *cobra.Command) *slog.Logger {
	opts := &slog.HandlerOptions{Level: slog.LevelInfo, ReplaceAttr: withoutTime}
	switch fs := c.Flags(); {
	case fs.Changed("quiet"):
		opts.Level = slog.LevelError
	case fs.Changed("verbose"):
		opts.Level, opts.ReplaceAttr = slog.LevelDebug, nil
	}
	return slog.New(slog.NewTextHandler(c.ErrOrStderr(), opts))
}

func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}
