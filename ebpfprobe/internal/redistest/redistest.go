// Package redistest starts Redis servers for tests, and talks to them.
package redistest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/internal/peertest"
)

// Server is a redis-server of the test's own, on a Unix socket, and a connection to
// it. It ends with the test, as which all methods fail.
type Server struct {
	t       testing.TB
	PID     int
	conn    net.Conn
	replies *bufio.Reader
}

// Start starts a server with further arguments. Without redis-server the test ends
// here.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	exe := peertest.Need(t, "redis")
	dir := t.TempDir()
	socket := filepath.Join(dir, "s")
	cmd := exec.Command(exe, append([]string{"--port", "0", "--unixsocket", socket, "--dir", dir, "--save", "", "--loglevel", "warning"}, args...)...)
	cmd.Stdout = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // killed
	})
	r := &Server{t: t, PID: cmd.Process.Pid}
	Wait(t, "redis-server takes no connection", func() bool {
		var err error
		r.conn, err = net.Dial("unix", socket)
		return err == nil
	})
	t.Cleanup(func() {
		if err := r.conn.Close(); err != nil {
			t.Error(err)
		}
	})
	r.replies = bufio.NewReader(r.conn)
	Wait(t, "redis-server does not get ready", func() bool { return r.Do("PING") == "PONG" })
	return r
}

// Do sends a command and returns its reply as text; of an array, of whatever depth,
// it returns the last member.
func (r *Server) Do(command ...string) string {
	r.t.Helper()
	return r.Pipeline(command)
}

// Pipeline sends commands at once and returns the last one's reply.
func (r *Server) Pipeline(commands ...[]string) (last string) {
	r.t.Helper()
	var b strings.Builder
	for _, command := range commands {
		fmt.Fprintf(&b, "*%d\r\n", len(command))
		for _, arg := range command {
			fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(arg), arg)
		}
	}
	if _, err := io.WriteString(r.conn, b.String()); err != nil {
		r.t.Fatal(err)
	}
	for range commands {
		last = r.reply()
	}
	return last
}

func (r *Server) reply() string {
	r.t.Helper()
	line, err := r.replies.ReadString('\n')
	if err != nil {
		r.t.Fatal(err)
	}
	line = strings.TrimSpace(line)
	if line[0] != '$' && line[0] != '*' {
		return line[1:]
	}
	n, err := strconv.Atoi(line[1:])
	if err != nil {
		r.t.Fatal(err)
	}
	if line[0] == '*' {
		last := ""
		for range n {
			last = r.reply()
		}
		return last
	}
	if n < 0 {
		return "" // nothing
	}
	text := make([]byte, n+2)
	if _, err := io.ReadFull(r.replies, text); err != nil {
		r.t.Fatal(err)
	}
	return string(text[:n])
}

// Info returns a number of INFO's.
func (r *Server) Info(field string) float64 {
	r.t.Helper()
	for line := range strings.Lines(r.Do("INFO", "all")) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				r.t.Fatal(err)
			}
			return n
		}
	}
	r.t.Fatalf("INFO has no %s", field)
	return 0
}

// Calls returns how often each command was called, by its name in capitals, as INFO
// commandstats says; those of a container command are one.
func (r *Server) Calls() map[string]uint64 {
	r.t.Helper()
	calls := map[string]uint64{}
	for line := range strings.Lines(r.Do("INFO", "commandstats")) {
		name, rest, ok := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":calls=")
		if !ok {
			continue
		}
		number, _, _ := strings.Cut(rest, ",")
		n, err := strconv.ParseUint(number, 10, 64)
		if err != nil {
			r.t.Fatal(err)
		}
		name, _, _ = strings.Cut(name, "|")
		calls[strings.ToUpper(name)] += n
	}
	return calls
}

// Wait returns when a condition has come true; not says that it has not in a minute.
func Wait(t testing.TB, not string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !condition(); <-time.After(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(not)
		}
	}
}
