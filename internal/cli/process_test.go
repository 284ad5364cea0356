package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/clewhq/clew/internal/cli"
)

// asProgram makes the test binary play one of programs instead of testing.
const asProgram = "CLEW_CLI_TEST_PROGRAM"

var programs = map[string]cli.Program{
	// patient says what it has when it is told to stop.
	"patient": func(ctx context.Context, s cli.Streams, _ []string) error {
		if err := begin(s); err != nil {
			return err
		}
		<-ctx.Done()
		fmt.Fprintln(s.Out, "measured so far")
		return nil
	},
	// deaf never stops of itself.
	"deaf": func(ctx context.Context, s cli.Streams, _ []string) error {
		if err := begin(s); err != nil {
			return err
		}
		<-ctx.Done()
		if err := begin(s); err != nil {
			return err
		}
		select {}
	},
	// tidy takes until the end of its input to clear up; it answers each line.
	"tidy": func(ctx context.Context, s cli.Streams, _ []string) error {
		if err := begin(s); err != nil {
			return err
		}
		<-ctx.Done()
		if err := begin(s); err != nil {
			return err
		}
		for lines := bufio.NewScanner(s.In); lines.Scan(); {
			if err := begin(s); err != nil {
				return err
			}
		}
		fmt.Fprintln(s.Out, "cleared up")
		return nil
	},
	// talker writes until nobody listens and then clears up.
	"talker": func(ctx context.Context, s cli.Streams, _ []string) error {
		for ctx.Err() == nil {
			if err := begin(s); err != nil {
				<-ctx.Done()
			}
		}
		fmt.Fprintln(s.Err, "cleared up")
		return nil
	},
	"panics": func(context.Context, cli.Streams, []string) error { panic("boom") },
}

// begin lets the reader see that the program runs.
func begin(s cli.Streams) error {
	fmt.Fprintln(s.Out, "ready")
	return s.Out.Flush()
}

func TestExec(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("windows has no signals to send")
	}
	type process struct {
		*exec.Cmd
		in  io.WriteCloser
		out *bufio.Reader
		// close ends the reading of out.
		close func() error
	}
	ready := func(t *testing.T, p process) {
		t.Helper()
		if line, err := p.out.ReadString('\n'); line != "ready\n" {
			t.Fatalf("read %q, %v", line, err)
		}
	}
	signal := func(t *testing.T, p process, s os.Signal) {
		t.Helper()
		if err := p.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	stop := func(s os.Signal) func(*testing.T, process) {
		return func(t *testing.T, p process) {
			ready(t, p)
			signal(t, p, s)
		}
	}
	tests := []struct {
		name, program  string
		drive          func(*testing.T, process)
		state          string // as os.ProcessState prints it
		stdout, stderr string
	}{
		{"SIGINT", "patient", stop(os.Interrupt), "exit status 0", "measured so far\n", ""},
		{"SIGTERM", "patient", stop(syscall.SIGTERM), "exit status 0", "measured so far\n", ""},
		{"SIGHUP", "patient", stop(syscall.SIGHUP), "exit status 0", "measured so far\n", ""},
		{"second SIGINT", "deaf", func(t *testing.T, p process) {
			stop(os.Interrupt)(t, p)
			ready(t, p)
			signal(t, p, os.Interrupt)
		}, "signal: interrupt", "", ""},
		{"second SIGTERM", "tidy", func(t *testing.T, p process) {
			stop(syscall.SIGTERM)(t, p)
			ready(t, p)
			signal(t, p, syscall.SIGTERM)
			for range 3 { // time for the signal to kill, if it can
				fmt.Fprintln(p.in)
				ready(t, p)
			}
			if err := p.in.Close(); err != nil {
				t.Fatal(err)
			}
		}, "exit status 0", "cleared up\n", ""},
		{"closed pipe", "talker", func(t *testing.T, p process) {
			ready(t, p)
			if err := p.close(); err != nil {
				t.Fatal(err)
			}
			p.out.Reset(strings.NewReader("")) // what it still holds came before
		}, "exit status 141", "", "cleared up\n"},
		{"panic", "panics", func(*testing.T, process) {}, "exit status 2", "", "panic: boom"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), asProgram+"="+tt.program)
			var errs bytes.Buffer
			cmd.Stderr = &errs
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			p := process{cmd, in, bufio.NewReader(out), out.Close}
			tt.drive(t, p)
			rest, err := io.ReadAll(p.out)
			if err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // the state says it better
			if got := cmd.ProcessState.String(); got != tt.state {
				t.Errorf("ended with %q, want %q; stderr:\n%s", got, tt.state, &errs)
			}
			if got := string(rest); got != tt.stdout {
				t.Errorf("stdout %q, want %q", got, tt.stdout)
			}
			if got := errs.String(); !strings.HasPrefix(got, tt.stderr) || tt.stderr == "" && got != "" {
				t.Errorf("stderr %q, want %q", got, tt.stderr)
			}
		})
	}
}
