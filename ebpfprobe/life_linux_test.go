package ebpfprobe

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"

	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// TestRestart has a server end and come back as another process: the probe goes on
// with it, and counts even what its first connections send.
func TestRestart(t *testing.T) {
	s := startRedis(t)
	p := observe(t, Config{PIDs: []int{s.cmd.Process.Pid}})
	s.dial(t).do("PING")
	s.stop()
	eventually(t, func() error {
		if !only(t, p).Exited {
			return fmt.Errorf("the end of process %d goes unnoticed", s.cmd.Process.Pid)
		}
		return nil
	})
	s.start(t)
	c := s.dial(t)
	for range 50 {
		c.do("SET", "k", "v")
	}
	eventually(t, func() error {
		got := only(t, p)
		if got.PID != s.cmd.Process.Pid || got.Exited || commandOf(got, "SET").Count != 50 || commandOf(got, "PING").Count != 1 {
			return fmt.Errorf("after the restart as process %d: %+v", s.cmd.Process.Pid, got)
		}
		return nil
	})
}

// TestOlderConnections checks that requests are counted whose connections were
// there before the probe.
func TestOlderConnections(t *testing.T) {
	s := startRedis(t)
	c := s.dial(t)
	c.do("PING")
	p := observe(t, Config{Ports: []int{s.port}})
	for range 20 {
		c.do("GET", "k")
	}
	eventually(t, func() error {
		gets := commandOf(only(t, p), "GET")
		if gets.Count != 20 || gets.Phases.Service.Count != 20 || gets.Phases.Wait.Count < 19 {
			return fmt.Errorf("20 GETs: %+v", gets)
		}
		return nil
	})
}

// TestSeveralServers checks that servers are told apart, and found by their name.
func TestSeveralServers(t *testing.T) {
	a, b := startRedis(t), startRedis(t)
	p := observe(t, Config{All: true})
	ca, cb := a.dial(t), b.dial(t)
	for range 5 {
		ca.do("GET", "k")
		cb.do("SET", "k", "v")
		cb.do("LPUSH", "k", "v") // refused
	}
	eventually(t, func() error {
		r, err := p.Report()
		if err != nil {
			t.Fatal(err)
		}
		got := map[int]string{}
		for _, s := range r.Servers {
			push := commandOf(s, "LPUSH")
			got[s.Port] = fmt.Sprint(commandOf(s, "GET").Count, commandOf(s, "SET").Count, push.Count, push.Errors)
		}
		if got[a.port] != "5 0 0 0" || got[b.port] != "0 5 5 5" {
			return fmt.Errorf("GET, SET, LPUSH, errors by port: %v", got)
		}
		return nil
	})
}

// TestManyConnections has 10,000 connections send something, a thousand and more
// made in a second: each is counted, with its wait.
func TestManyConnections(t *testing.T) {
	const conns = 10_000
	raiseFiles(t, conns+1000)
	s := startRedis(t, "--maxclients", strconv.Itoa(conns+100), "--protected-mode", "no")
	p := observe(t, Config{Ports: []int{s.port}, ByClient: true})
	var all []net.Conn
	t.Cleanup(func() {
		for _, c := range all {
			_ = c.Close() // nothing depends on it
		}
	})
	for i := range conns {
		// from several addresses: one has not enough ports for everybody's tests
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i%4))}}
		c, err := d.Dial("tcp", s.addr())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
		if _, err := c.Write([]byte(command("PING"))); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := i; j < conns; j += 4 {
				if _, err := all[j].Read(make([]byte, 16)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	eventually(t, func() error {
		got := only(t, p)
		pings := commandOf(got, "PING")
		if got.Conns != conns || pings.Count != conns || pings.Phases.Wait.Count != conns || pings.Phases.Service.Count != conns {
			return fmt.Errorf("%d connections, %d PINGs, %d waits, %d service times, want %d of each",
				got.Conns, pings.Count, pings.Phases.Wait.Count, pings.Phases.Service.Count, conns)
		}
		if len(got.Clients) != 4 || got.Clients[0].Count != conns/4 || got.Clients[0].Conns != conns/4 {
			return fmt.Errorf("clients %+v, want 4 alike", got.Clients)
		}
		return nil
	})
}

func raiseFiles(t *testing.T, n uint64) {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Cur >= n {
		return
	}
	limit.Cur, limit.Max = n, max(limit.Max, n)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Skipf("%d files may not be open at once: %v", n, err)
	}
}

// TestPrefixes counts by the first key's prefix.
func TestPrefixes(t *testing.T) {
	s := startRedis(t)
	p := observe(t, Config{Ports: []int{s.port}, ByPrefix: true})
	c := s.dial(t)
	c.send(command("SET", "user:1", "v") + command("GET", "user:1") + command("GET", "plain") + command("GET", "cart:7:x"))
	for range 4 {
		c.reply()
	}
	eventually(t, func() error {
		got := map[string]uint64{}
		for _, prefix := range only(t, p).Prefixes {
			got[prefix.Prefix] = prefix.Count
		}
		if fmt.Sprint(got) != "map[cart:1 user:2]" {
			return fmt.Errorf("prefixes %v", got)
		}
		return nil
	})
}

// TestKilled checks that a probe that is killed leaves nothing attached: its links
// are known by their ids.
func TestKilled(t *testing.T) {
	if inChild() {
		if err := startAsChild(); err != nil {
			t.Fatal(err)
		}
		return
	}
	s := startRedis(t)
	cmd := exec.Command(copySelf(t), "-test.run=^TestKilled$")
	cmd.Env = append(os.Environ(), childVar+"="+strconv.Itoa(s.port), stayVar+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var ids []link.ID
	for range 4 {
		var id link.ID
		if _, err := fmt.Fscan(out, &id); err != nil {
			t.Fatalf("read the child's links: %v", err)
		}
		if !attached(t, id) {
			t.Errorf("link %d of the living probe is not there", id)
		}
		ids = append(ids, id)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // killed is no success
	eventually(t, func() error {
		for _, id := range ids {
			if attached(t, id) {
				return fmt.Errorf("link %d is left of the killed probe", id)
			}
		}
		return nil
	})
}

func attached(t *testing.T, id link.ID) bool {
	t.Helper()
	l, err := link.NewFromID(id)
	if errors.Is(err, os.ErrNotExist) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	return true
}
