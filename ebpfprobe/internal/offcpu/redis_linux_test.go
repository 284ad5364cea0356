//go:build amd64 || arm64

package offcpu

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

// redis is a server of the test's own, on a Unix socket, and a connection to it.
type redis struct {
	t       *testing.T
	pid     int
	conn    net.Conn
	replies *bufio.Reader
}

func startRedis(t *testing.T, args ...string) *redis {
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
	r := &redis{t: t, pid: cmd.Process.Pid}
	wait(t, "redis-server takes no connection", func() bool {
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
	wait(t, "redis-server does not get ready", func() bool { return r.do("PING") == "PONG" })
	return r
}

// do sends a command and returns its reply: a line, a number or a text.
func (r *redis) do(command ...string) string {
	r.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(command))
	for _, arg := range command {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(arg), arg)
	}
	if _, err := io.WriteString(r.conn, b.String()); err != nil {
		r.t.Fatal(err)
	}
	line, err := r.replies.ReadString('\n')
	if err != nil {
		r.t.Fatal(err)
	}
	line = strings.TrimSpace(line)
	if line[0] != '$' {
		return line[1:]
	}
	n, err := strconv.Atoi(line[1:])
	if err != nil {
		r.t.Fatal(err)
	}
	text := make([]byte, n+2)
	if _, err := io.ReadFull(r.replies, text); err != nil {
		r.t.Fatal(err)
	}
	return string(text[:n])
}

// info returns a number of INFO's.
func (r *redis) info(field string) float64 {
	r.t.Helper()
	for line := range strings.Lines(r.do("INFO", "all")) {
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

// wait returns when a condition has come true.
func wait(t *testing.T, not string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !condition(); <-time.After(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(not)
		}
	}
}
