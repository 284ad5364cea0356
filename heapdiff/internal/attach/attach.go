// Package attach sends diagnostic commands to a running HotSpot JVM, as jcmd
// does, with no JDK on the host.
//
// It is a client of HotSpot's dynamic attach mechanism, protocol version 1
// (src/hotspot/os/posix/attachListener_posix.cpp in OpenJDK), which JDK 8 to 25
// speak: a file .attach_pidN and SIGQUIT make the JVM listen on the UNIX socket
// /tmp/.java_pidN, where each connection carries one command and its answer.
package attach

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// What can be wrong with the target itself. A process that may not be looked
// into answers fs.ErrPermission, a system without the mechanism
// errors.ErrUnsupported.
var (
	// ErrGone says that there is no such process, or no longer.
	ErrGone = errors.New("no such process")
	// ErrNotHotSpot says that the process is no HotSpot JVM. Nothing was sent to
	// it: SIGQUIT would end most other programs.
	ErrNotHotSpot = errors.New("not a HotSpot JVM")
	// ErrNoListener says that the JVM did not open its socket when asked.
	ErrNoListener = errors.New("the JVM does not answer attach requests")
)

// CommandError is what the JVM said of a command that it did not carry out.
type CommandError struct {
	Command string
	Code    int    // HotSpot's own: 0 stands for done
	Message string // at most a few lines of the JVM's answer
}

// Error names the command and repeats the JVM's words.
func (e *CommandError) Error() string {
	return fmt.Sprintf("jcmd %s: the JVM answers %d: %s", e.Command, e.Code, e.Message)
}

// maxMessage bounds what is kept of a refusal, in bytes.
const maxMessage = 2048

// VM is a JVM that listens for commands. It holds no connection: each command
// makes its own, so a VM needs no closing and serves several goroutines.
type VM struct {
	pid   int // as this process sees it
	nsPID int // as the JVM itself does, within its pid namespace
	dial  func(ctx context.Context) (net.Conn, error)
}

// NamespacePID is the JVM's own idea of its pid, which is in the names of the
// files that it writes.
func (v *VM) NamespacePID() int { return v.nsPID }

// Root is the directory under which this process finds the JVM's files: a path
// that the JVM writes to lies below it, in a container too.
func (v *VM) Root() string { return fmt.Sprintf("/proc/%d/root", v.pid) }

// Jcmd runs a diagnostic command, such as "GC.heap_info" or
// "GC.heap_dump -all /tmp/x.hprof", and returns its answer as a stream that the
// caller reads and closes. A command that the JVM refuses is a *CommandError.
// The end of ctx breaks the connection, also while the answer is being read.
func (v *VM) Jcmd(ctx context.Context, command string) (io.ReadCloser, error) {
	if strings.ContainsRune(command, 0) {
		return nil, fmt.Errorf("jcmd %q: a command cannot hold a zero byte", command)
	}
	conn, err := v.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("attach to pid %d: %w", v.pid, err)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	answer, err := exchange(conn, command)
	if err != nil {
		stop()
		conn.Close()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, v.explain(err)
	}
	return &stream{Reader: answer, ctx: ctx, stop: stop, conn: conn}, nil
}

func (v *VM) explain(err error) error {
	var refused *CommandError
	if errors.As(err, &refused) {
		return err
	}
	return fmt.Errorf("attach to pid %d: %w", v.pid, err)
}

// exchange sends one request and reads the answer's first line. The request is
// the version, the name and always three arguments, each ended by a zero byte.
func exchange(conn io.ReadWriter, command string) (*bufio.Reader, error) {
	if _, err := io.WriteString(conn, "1\x00jcmd\x00"+command+"\x00\x00\x00"); err != nil {
		return nil, err
	}
	r := bufio.NewReader(conn)
	line, err := readLine(r)
	if err != nil {
		verb, _, _ := strings.Cut(command, " ")
		return nil, fmt.Errorf("the JVM broke off in the midst of %s; it has probably ended: %w", verb, err)
	}
	code, err := strconv.Atoi(line)
	if err != nil {
		return nil, fmt.Errorf("read the answer to %s: it begins with %q, not with a status", command, line)
	}
	if code != 0 {
		text, _ := io.ReadAll(io.LimitReader(r, maxMessage)) // the code alone is telling too
		return nil, &CommandError{Command: command, Code: code, Message: strings.TrimSpace(string(text))}
	}
	return r, nil
}

// readLine reads a short line: what answers at the socket need not be a JVM.
func readLine(r *bufio.Reader) (string, error) {
	var line []byte
	for len(line) < 16 {
		b, err := r.ReadByte()
		if errors.Is(err, io.EOF) {
			return "", io.ErrUnexpectedEOF
		}
		if err != nil {
			return "", err
		}
		if b == '\n' {
			return string(line), nil
		}
		line = append(line, b)
	}
	return string(line), nil
}

// stream is an answer being read.
type stream struct {
	io.Reader
	ctx  context.Context
	stop func() bool
	conn net.Conn
}

// Read tells the reason when the connection was broken by the context.
func (s *stream) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && s.ctx.Err() != nil {
		err = context.Cause(s.ctx)
	}
	return n, err
}

func (s *stream) Close() error {
	s.stop()
	return s.conn.Close()
}
