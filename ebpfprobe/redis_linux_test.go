package ebpfprobe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/ebpfprobe/report"
	"github.com/clewhq/clew/internal/peertest"
)

// patience is how long a test waits for what must come: the machine may be busy.
const patience = 60 * time.Second

// server is a real redis-server.
type server struct {
	port int
	cmd  *exec.Cmd
	path string
	args []string
}

// startRedis starts a redis-server with further arguments, and ends it with the
// test.
func startRedis(t testing.TB, args ...string) *server {
	t.Helper()
	peertest.NeedBPF(t)
	s := &server{path: peertest.Need(t, "redis"), port: peertest.FreePort(t)}
	s.args = append([]string{
		"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir(), "--enable-debug-command", "yes",
	}, args...)
	s.start(t)
	t.Cleanup(s.stop)
	return s
}

func (s *server) start(t testing.TB) {
	t.Helper()
	s.cmd = exec.Command(s.path, s.args...)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		c, err := net.Dial("tcp", s.addr())
		if err != nil {
			return err
		}
		return c.Close()
	})
}

func (s *server) stop() {
	_ = s.cmd.Process.Kill() // it may have ended
	_ = s.cmd.Wait()         // killed is no success
}

func (s *server) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// eventually calls check until it returns nil.
func eventually(t testing.TB, check func() error) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	over := time.After(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-over:
			t.Fatal(err)
		}
	}
}

// conn is a client's connection, and what was last read from it.
type conn struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func (s *server) dial(t *testing.T) *conn {
	t.Helper()
	c, err := net.Dial("tcp", s.addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // the test may have closed it
	return &conn{t, c, bufio.NewReader(c)}
}

// send writes bytes as they are.
func (c *conn) send(raw string) {
	c.t.Helper()
	if _, err := c.Write([]byte(raw)); err != nil {
		c.t.Fatal(err)
	}
}

// reply reads one reply and returns its line, or the string in it.
func (c *conn) reply() string {
	c.t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		c.t.Fatal(err)
	}
	line, err := c.r.ReadString('\n')
	if err != nil {
		c.t.Fatal(err)
	}
	line = strings.TrimRight(line, "\r\n")
	n, _ := strconv.Atoi(line[1:])
	switch {
	case line[0] == '*' || line[0] == '~' || line[0] == '>':
		for range n {
			c.reply()
		}
	case line[0] == '%':
		for range 2 * n {
			c.reply()
		}
	case (line[0] == '$' || line[0] == '=') && n >= 0:
		b := make([]byte, n+2)
		for read := 0; read < len(b); {
			m, err := c.r.Read(b[read:])
			if err != nil {
				c.t.Fatal(err)
			}
			read += m
		}
		return string(b[:n])
	}
	return line
}

// do sends a command as an array and returns its reply.
func (c *conn) do(args ...string) string {
	c.t.Helper()
	c.send(command(args...))
	return c.reply()
}

func command(args ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(a), a)
	}
	return b.String()
}

// commandstats returns the server's own counts, by a command's name without its
// subcommand.
func (c *conn) commandstats() map[string]uint64 {
	c.t.Helper()
	counts := map[string]uint64{}
	for line := range strings.Lines(c.do("INFO", "commandstats")) {
		name, rest, ok := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":calls=")
		if !ok {
			continue
		}
		name, _, _ = strings.Cut(name, "|")
		calls, _, _ := strings.Cut(rest, ",")
		n, err := strconv.ParseUint(calls, 10, 64)
		if err != nil {
			c.t.Fatal(err)
		}
		counts[strings.ToUpper(name)] += n
	}
	return counts
}

// observe starts a probe and ends it with the test.
func observe(t testing.TB, cfg Config) *Probe {
	t.Helper()
	p, err := Start(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(p.Close(), p.Close()); err != nil {
			t.Error(err)
		}
	})
	return p
}

// only returns the one server of a report, without which the test ends.
func only(t *testing.T, p *Probe) report.Server {
	t.Helper()
	r, err := p.Report()
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Servers) != 1 {
		t.Fatalf("%d servers are observed, want 1: %+v", len(r.Servers), r.Servers)
	}
	if r.LostEvents != 0 {
		t.Errorf("lost %v", r.Lost)
	}
	return r.Servers[0]
}

func commandOf(s report.Server, name string) report.Command {
	for _, c := range s.Commands {
		if c.Name == name {
			return c
		}
	}
	return report.Command{Name: name}
}

// benchmark runs redis-benchmark, which has all its replies when it returns.
func (s *server) benchmark(t testing.TB, args ...string) {
	t.Helper()
	path := filepath.Join(filepath.Dir(s.path), "redis-benchmark")
	cmd := exec.Command(path, append([]string{"-p", strconv.Itoa(s.port), "-q"}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v: %s", cmd, err, out)
	}
}
