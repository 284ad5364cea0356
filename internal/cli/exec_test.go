package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/clewhq/clew/internal/cli"
)

func TestMain(m *testing.M) {
	if name := os.Getenv(asProgram); name != "" {
		cli.Exec(programs[name]) // for TestExec
	}
	goleak.VerifyTestMain(m)
}

// brokenWriter fails as a full disk or a closed pipe does.
type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

func TestRunStatus(t *testing.T) {
	full := fmt.Errorf("write /dev/stdout: %w", syscall.ENOSPC)
	closed := fmt.Errorf("write |1: %w", syscall.EPIPE)
	tests := []struct {
		name   string
		err    error // of the program
		out    error // of its standard output
		status int
		stderr string
	}{
		{"done", nil, nil, 0, ""},
		{"gate met", cli.GateMet{Reason: "growth 48 MiB is above 10 MiB"}, nil, 1, "growth 48 MiB is above 10 MiB\n"},
		{"failed", errors.New("read old: no such file"), nil, 2, "read old: no such file\n"},
		{"misuse", cli.Usagef("want two files, got %d", 1), nil, 2, "want two files, got 1\n"},
		{
			"not permitted",
			&cli.Missing{Doing: "attach to pid 7", What: "CAP_BPF", Mend: "run as root", Err: syscall.EPERM},
			nil, 3, "attach to pid 7: needs CAP_BPF (operation not permitted): run as root\n",
		},
		{
			"not supported",
			&cli.Missing{Doing: "probe redis", What: "Linux 5.8", Mend: "boot a newer kernel"},
			nil, 3, "probe redis: needs Linux 5.8: boot a newer kernel\n",
		},
		{"a library's not supported", fmt.Errorf("open ring buffer: %w", errors.ErrUnsupported), nil, 3, "open ring buffer: unsupported operation\n"},
		{"a library's not permitted", &fs.PathError{Op: "open", Path: "/proc/1/mem", Err: syscall.EACCES}, nil, 3, "open /proc/1/mem: permission denied\n"},
		{"disk full", nil, full, 2, "standard output: write /dev/stdout: no space left on device\n"},
		{"gate met on a full disk", cli.GateMet{Reason: "met"}, full, 2, "standard output: write /dev/stdout: no space left on device\n"},
		{"reader gone", errors.New("whatever"), closed, 141, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			s := cli.Streams{Out: bufio.NewWriter(&out), Err: &errs}
			if tt.out != nil {
				s.Out = bufio.NewWriter(brokenWriter{tt.out})
			}
			program := func(_ context.Context, s cli.Streams, args []string) error {
				fmt.Fprint(s.Out, strings.Join(args, " "))
				return tt.err
			}
			if got := cli.Run(t.Context(), program, s, []string{"a", "b"}); got != tt.status {
				t.Errorf("status %d, want %d", got, tt.status)
			}
			if got := errs.String(); got != tt.stderr {
				t.Errorf("stderr %q, want %q", got, tt.stderr)
			}
			if tt.out == nil && out.String() != "a b" {
				t.Errorf("stdout %q, want it flushed", out.String())
			}
		})
	}
}

func TestRunInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var errs bytes.Buffer
	s := cli.Streams{Out: bufio.NewWriter(&bytes.Buffer{}), Err: &errs}
	program := func(ctx context.Context, _ cli.Streams, _ []string) error {
		return fmt.Errorf("measure: %w", ctx.Err())
	}
	if got := cli.Run(ctx, program, s, nil); got != 2 {
		t.Errorf("status %d, want 2: there is no result", got)
	}
	if got, want := errs.String(), "measure: context canceled (stopped before there was a result)\n"; got != want {
		t.Errorf("stderr %q, want %q", got, want)
	}
}

func TestRunLetsPanicsThrough(t *testing.T) {
	defer func() {
		if got := recover(); got != "boom" {
			t.Errorf("recovered %v, want the program's own panic", got)
		}
	}()
	s := cli.Streams{Out: bufio.NewWriter(&bytes.Buffer{}), Err: &bytes.Buffer{}}
	cli.Run(t.Context(), func(context.Context, cli.Streams, []string) error { panic("boom") }, s, nil)
}
