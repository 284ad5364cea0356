package ebpfprobe

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/ebpfprobe/internal/redistest"
	"github.com/clewhq/clew/ebpfprobe/report"
	"github.com/clewhq/clew/internal/peertest"
)

// startTLS starts a redis-server that takes clients on two ports, on one of them by
// TLS only.
func startTLS(t testing.TB) (s *server, port int) {
	t.Helper()
	cert, key := redistest.Certificate(t)
	port = peertest.FreePort(t)
	return startRedis(t, "--tls-port", strconv.Itoa(port), "--tls-cert-file", cert, "--tls-key-file", key,
		"--tls-ca-cert-file", cert, "--tls-auth-clients", "no"), port
}

// dialTLS connects a client in Go.
func dialTLS(t *testing.T, port int) *conn {
	t.Helper()
	c, err := tls.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), &tls.Config{InsecureSkipVerify: true}) // its own certificate
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // the test may have closed it
	return &conn{t, c, bufio.NewReader(c)}
}

// TestTLS checks that the deep tier counts by name what comes encrypted, as the server
// itself does, from clients in Go and in C, beside others that are not encrypted.
func TestTLS(t *testing.T) {
	s, port := startTLS(t)
	p := observe(t, Config{Ports: []int{s.port}, Deep: true, ByClient: true})
	admin := s.dial(t)
	admin.do("CONFIG", "RESETSTAT")

	go1 := dialTLS(t, port)
	go1.send("PING\r\n") // an inline command is known only on a connection that was seen from its beginning
	go1.reply()
	for i := range 50 {
		go1.do("SET", "key", fmt.Sprint(i))
		go1.do("GET", "key")
		go1.do("LPUSH", "key", "refused") // the key has a string
	}
	var pipeline strings.Builder
	for range 300 {
		pipeline.WriteString(command("INCR", "n") + command("SET", "long", strings.Repeat("v", 200)))
	}
	go1.send(pipeline.String()) // several records, read in pieces that end anywhere
	for range 600 {
		go1.reply()
	}
	go1.send("PING\r\n" + command("MULTI") + command("GET", "key") + command("EXEC"))
	for range 4 {
		go1.reply()
	}
	big := strings.Repeat("v", 200_000)
	for range 5 {
		go1.do("SETRANGE", "big", "0", big)
		go1.do("GETRANGE", "big", "0", "-1")
	}
	cli(t, s, port, "HSET h a 1\nHGET h a\n")
	s.dial(t).do("ECHO", "plain")
	for range 30 { // OpenSSL gives their places to one another
		c := dialTLS(t, port)
		c.do("ZADD", "z", "1", "a")
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	want := admin.commandstats()
	delete(want, "CONFIG")
	var got report.Server
	eventually(t, func() error {
		got = only(t, p)
		return sameCounts(got.Commands, want)
	})
	if n := commandOf(got, "LPUSH").Errors; n != 50 {
		t.Errorf("%d of 50 refused LPUSHs are errors", n)
	}
	if n := commandOf(got, "GET").Errors + commandOf(got, "SET").Errors; n != 0 {
		t.Errorf("%d errors of GET and SET", n)
	}
	if zadd := commandOf(got, "ZADD"); zadd.Phases.Wait.Count != 30 || zadd.Phases.Call == nil || zadd.Phases.Call.Count != 30 {
		t.Errorf("ZADD has %+v", zadd.Phases)
	}
	if len(got.Clients) != 1 || got.Clients[0].Conns != got.Conns {
		t.Errorf("clients %+v of %d connections", got.Clients, got.Conns)
	}
	if text := got.TLSText(); text != "TLS" {
		t.Errorf("the report says %q", text)
	}
}

// cli has redis-cli send commands by TLS.
func cli(t *testing.T, s *server, port int, commands string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(filepath.Dir(s.path), "redis-cli"), "--tls", "--insecure", "-p", strconv.Itoa(port))
	cmd.Stdin = strings.NewReader(commands)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v: %s", cmd, err, out)
	}
}

// TestOlderTLS is about an encrypted connection that was there before the probe, and
// about one that is observed without the deep tier, and then with it. OpenSSL reads a
// request in two pieces, whose waits are not to be added: wait and service are no more
// than the client's clock says, in one of several rounds, since a virtual machine may be
// kept waiting between a write and what the kernel says of it.
func TestOlderTLS(t *testing.T) {
	s, port := startTLS(t)
	c := dialTLS(t, port)
	c.do("PING")
	holder := s.dial(t)
	for _, deep := range []bool{false, true} {
		p := observe(t, Config{Ports: []int{s.port}, Deep: deep})
		name := map[bool]string{false: report.Ciphertext, true: "GET"}[deep]
		sum := func(n uint64) (all time.Duration) {
			eventually(t, func() error {
				got := only(t, p)
				gets := commandOf(got, name)
				if gets.Count != n || gets.Phases.Service.Count != n {
					return fmt.Errorf("deep %v: %d GETs are %+v", deep, n, got.Commands)
				}
				all = time.Duration(gets.Phases.Wait.Sum + gets.Phases.Service.Sum)
				return nil
			})
			return all
		}
		c.do("GET", "k") // when it arrived is not known yet
		before := sum(1)
		var wrong string
		for round := range uint64(10) {
			var client time.Duration
			for range 3 {
				holder.send(command("DEBUG", "SLEEP", "0.05"))
				start := time.Now()
				c.do("GET", "k")
				client += time.Since(start)
				holder.reply()
			}
			after := sum(1 + 3*(round+1))
			all := after - before
			before = after
			if wrong = ""; all > client/2 && all <= client {
				break
			}
			wrong = fmt.Sprintf("deep %v: wait and service took %v, by the client's clock %v", deep, all, client)
			t.Log(wrong)
		}
		if wrong != "" {
			t.Error(wrong)
		}
	}
}

// TestTLSUnknown is about a server whose TLS has no function that could be found by its
// name, as which another program without OpenSSL stands in: requests are counted without
// their names, and a warning says why.
func TestTLSUnknown(t *testing.T) {
	s, port := startTLS(t)
	p := observe(t, Config{Ports: []int{s.port}, Deep: true})
	cat := exec.CommandContext(t.Context(), "cat")
	in, err := cat.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cat.Start(); err != nil {
		t.Fatal(err)
	}
	e := p.engine
	e.mu.Lock()
	e.places[0].noTLS = e.tiers.lean.WatchTLS(0, cat.Process.Pid)
	e.mu.Unlock()
	if err := errors.Join(in.Close(), cat.Wait()); err != nil {
		t.Fatal(err)
	}
	c := dialTLS(t, port)
	for range 10 {
		c.do("GET", "k")
	}
	eventually(t, func() error {
		r, err := p.Report()
		if err != nil {
			t.Fatal(err)
		}
		got := commandOf(r.Servers[0], report.Ciphertext)
		if got.Count < 10 || got.Phases.Service.Count != got.Count || !strings.Contains(fmt.Sprint(r.Warnings), "use OpenSSL as a shared library") {
			return fmt.Errorf("%+v, warnings %q", got, r.Warnings)
		}
		return nil
	})
}
