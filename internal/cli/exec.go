package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Program is the whole of a program: it reads s.In and args (without the
// program's name), writes results to s.Out and returns what went wrong. It ends
// soon after ctx is done, with what it has so far.
type Program func(ctx context.Context, s Streams, args []string) error

// closedPipe is what a shell reports for a process that SIGPIPE ended.
const closedPipe = 128 + int(syscall.SIGPIPE)

// Exec runs p on the process's own arguments, streams and signals and exits with
// its status. It does not return.
func Exec(p Program) {
	ctx, cancel := context.WithCancel(context.Background())
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, stopSignals()...)
	go func() {
		<-stop
		// Before anybody sees ctx done: the next SIGINT, of a user who has lost patience, kills. The
		// others do not, for the kernel sends a child one for each dying thread of its parent.
		signal.Reset(os.Interrupt)
		cancel()
	}()

	// While somebody is notified of SIGPIPE, a write to a closed pipe is an
	// error, not sudden death: children and temporary files can be cleared away.
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)

	out := &pipeWriter{w: os.Stdout, closed: cancel}
	status := Run(ctx, p, Streams{
		In:    os.Stdin,
		Out:   bufio.NewWriterSize(out, 64<<10),
		Err:   os.Stderr,
		Color: Color(os.Stdout, os.Getenv),
	}, os.Args[1:])
	os.Exit(status)
}

// stopSignals leaves out SIGHUP where nohup has asked for that.
func stopSignals() []os.Signal {
	s := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		s = append(s, syscall.SIGHUP)
	}
	return s
}

// Run runs p, flushes s.Out, prints what went wrong on s.Err and returns the
// exit status. It does not recover a panic of p.
func Run(ctx context.Context, p Program, s Streams, args []string) int {
	err := p(ctx, s, args)
	flushErr := s.Out.Flush()
	if errors.Is(flushErr, syscall.EPIPE) {
		return closedPipe
	}
	if flushErr != nil {
		// A result that did not reach its reader is not a result, whatever p says.
		fmt.Fprintf(s.Err, "standard output: %v\n", flushErr)
		return statusFailed
	}
	if err == nil {
		return statusDone
	}
	report(ctx, s.Err, err)
	return Status(err)
}

// report prints err in a line, and for misuse the way to help in a second one.
func report(ctx context.Context, w io.Writer, err error) {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		fmt.Fprintf(w, "%v (stopped before there was a result)\n", err)
		return
	}
	fmt.Fprintln(w, err)
	var usage *UsageError
	if errors.As(err, &usage) && usage.Command != "" {
		fmt.Fprintf(w, "Try '%s --help'.\n", usage.Command)
	}
}

// pipeWriter tells the program when nobody reads its output any more.
type pipeWriter struct {
	w      io.Writer
	closed func()
}

func (p *pipeWriter) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	if errors.Is(err, syscall.EPIPE) {
		p.closed()
	}
	return n, err
}
