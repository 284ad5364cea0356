// Package cli gives every program of this module one shape: one way to start,
// to stop, to fail and to speak.
//
// A program is a function, run(ctx, streams, args) error; its main is the one
// line cli.Exec(run). Results go to Streams.Out, which is buffered and flushed
// once, talk and progress to Streams.Err. Nothing else in the module may end
// the process, so every program can be called from a test.
//
// # Exit status
//
//	0  done
//	1  done, and the gate that the user set is met (GateMet)
//	2  could not do it, or was called wrongly (any other error, UsageError)
//	3  not permitted or not supported here (Missing, errors.ErrUnsupported, fs.ErrPermission)
//
// Two ends have no error of ours behind them: a reader that closes the pipe
// ends the program quietly with the shell's status for SIGPIPE, 141, and a
// panic is left to the Go runtime, which prints it and exits with 2.
//
// # Signals
//
// SIGINT, SIGTERM and SIGHUP cancel the context, once: the command prints what
// it has measured so far and ends. A second signal finds the system's default
// action and kills.
package cli
