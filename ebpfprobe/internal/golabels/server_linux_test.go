//go:build amd64 || arm64

package golabels

import (
	"bufio"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/clewhq/clew/internal/peertest"
)

// toolchains are the releases that clients are built with, one for each version
// of Go whose labels can be read.
var toolchains = []string{"go1.24.9", "go1.25.5", "go1.26.8"}

// build is a way to build the client.
type build struct {
	name string
	cgo  bool
	args []string
	env  []string
}

var builds = []build{
	{name: "plain"},
	{name: "pie", args: []string{"-buildmode=pie", "-ldflags=-s -w"}},
	{name: "cgo", cgo: true},
}

// make builds a program of testdata.
func (b build) make(t testing.TB, dir, release string) string {
	t.Helper()
	cgo := "CGO_ENABLED=0"
	if b.cgo {
		cgo = "CGO_ENABLED=1"
		if _, err := exec.LookPath("gcc"); err != nil {
			t.Skip("no C compiler: ", err)
		}
	}
	exe := filepath.Join(t.TempDir(), "client")
	cmd := exec.Command("go", append(append([]string{"build", "-o", exe}, b.args...), ".")...)
	cmd.Dir = filepath.Join("testdata", dir)
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN="+peertest.GoToolchain(t, release), "GOFLAGS=", "GOWORK=off", cgo)
	cmd.Env = append(cmd.Env, b.env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	return exe
}

// command is what the server received: a line, and where in the stream it began.
type command struct {
	offset uint32
	line   string
}

// server answers every line with OK, and remembers it.
type server struct {
	listener net.Listener
	ready    chan struct{} // closed when HELLO may be answered
	once     sync.Once     // closes it

	wg       sync.WaitGroup
	mu       sync.Mutex
	received map[Conn][]command
}

func serve(t testing.TB, network, addr string) *server {
	t.Helper()
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{listener: l, ready: make(chan struct{}), received: map[Conn][]command{}}
	s.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.wg.Go(func() { s.talk(t, c) })
		}
	})
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		s.welcome()
		s.wg.Wait()
	})
	return s
}

// welcome lets clients begin.
func (s *server) welcome() { s.once.Do(func() { close(s.ready) }) }

func (s *server) port() uint16 { return uint16(s.listener.Addr().(*net.TCPAddr).Port) }

func (s *server) talk(t testing.TB, c net.Conn) {
	defer c.Close()
	conn := Conn{Client: addrPort(c.RemoteAddr()), Server: addrPort(c.LocalAddr())}
	lines := bufio.NewReader(c)
	var offset uint32
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return // the client has ended
		}
		if line == "HELLO\n" {
			<-s.ready
		} else {
			s.mu.Lock()
			s.received[conn] = append(s.received[conn], command{offset, line})
			s.mu.Unlock()
		}
		offset += uint32(len(line))
		if _, err := c.Write([]byte("OK\n")); err != nil {
			t.Error(err)
			return
		}
	}
}

func addrPort(a net.Addr) netip.AddrPort {
	ap := a.(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// run starts a client of s, lets it begin when the tracer knows it, and waits for
// its end.
func (s *server) run(t testing.TB, tr *Tracer, exe string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), exe, append([]string{s.listener.Addr().String()}, args...)...)
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	wait(t, "the client is not known", func() bool { return tr.known(cmd.Process.Pid) })
	s.welcome()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	wait(t, "the client's end was not noticed", func() bool { return !tr.known(cmd.Process.Pid) })
}

// known reports whether the kernel was told what to do with a process.
func (t *Tracer) known(pid int) bool {
	var p bpfGoProcess
	return t.objects.GoProcesses.Lookup(uint32(pid), &p) == nil
}

// wait returns when a condition has come true.
func wait(t testing.TB, not string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !condition(); <-time.After(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(not)
		}
	}
}

// base returns TCP's number of the first byte of a connection, from the labelled
// write that its first command was.
func base(t testing.TB, tr *Tracer, c Conn, first command) uint32 {
	t.Helper()
	var k bpfGoWriteKey
	var w bpfGoWrite
	var seqs []uint32
	for it := tr.objects.GoWrites.Iterate(); it.Next(&k, &w); {
		if k.Conn.ClientPort == c.Client.Port() && k.Conn.ServerPort == c.Server.Port() && k.Last == 0 {
			seqs = append(seqs, k.Seq)
		}
	}
	if len(seqs) == 0 {
		t.Fatalf("no write of %v is known", c)
	}
	lowest := seqs[0]
	for _, s := range seqs {
		if int32(s-lowest) < 0 {
			lowest = s
		}
	}
	return lowest - first.offset
}

func open(t testing.TB) *Tracer {
	t.Helper()
	peertest.NeedBPF(t)
	tr, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(tr.Close(), tr.Close()); err != nil {
			t.Error(err)
		}
	})
	return tr
}
