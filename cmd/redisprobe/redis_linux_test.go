package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/ebpfprobe/report"
	"github.com/clewhq/clew/internal/cli"
	"github.com/clewhq/clew/internal/peertest"
)

// server starts a Redis of the test's own and returns its address.
func server(t *testing.T) (addr, port string) {
	t.Helper()
	exe := peertest.Need(t, "redis")
	port = strconv.Itoa(peertest.FreePort(t))
	addr = net.JoinHostPort("127.0.0.1", port)
	cmd := exec.Command(exe, "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir(), "--loglevel", "warning")
	cmd.Stdout = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended, and then some check has failed
		_ = cmd.Wait()
	})
	await(t, "connection to redis-server", func() bool {
		conn, err := net.Dial("tcp", addr)
		return err == nil && conn.Close() == nil
	})
	return addr, port
}

// client is a connection that speaks the protocol's inline form.
type client struct {
	t       *testing.T
	conn    net.Conn
	replies *bufio.Reader
}

func dial(t *testing.T, addr string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // the server may be gone
	return &client{t, conn, bufio.NewReader(conn)}
}

func (c *client) send(command ...string) {
	c.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(command))
	for _, arg := range command {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(arg), arg)
	}
	if _, err := io.WriteString(c.conn, b.String()); err != nil {
		c.t.Fatal(err)
	}
}

// reply reads a reply of one line.
func (c *client) reply() string {
	c.t.Helper()
	line, err := c.replies.ReadString('\n')
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// secret is a key, which nobody asked to see.
const secret = "hunter2"

// script runs until the server's clock says so many microseconds more.
const script = `local function now() local t = redis.call("TIME") return t[1]*1000000 + t[2] end
local till = now() + tonumber(ARGV[1]) repeat until now() >= till return 1`

// queue makes three GETs wait behind a slow script, again and again until all of
// them did three times, as their clients' clocks see it: once they may have been late
// for want of a CPU. It returns the address of the script's client and the number of
// GETs and scripts that were sent.
func queue(t *testing.T, addr string) (culprit string, gets, scripts uint64) {
	t.Helper()
	slow := dial(t, addr)
	others := []*client{dial(t, addr), dial(t, addr), dial(t, addr)}
	rounds := 0
	await(t, "GETs that waited", func() bool {
		slow.send("EVAL", script, "0", "400000")
		scripts++
		from := time.Now()
		late := 0
		for _, c := range others {
			c.send("GET", secret)
			gets++
		}
		for _, c := range others {
			if got := c.reply(); got != "$-1" {
				t.Errorf("GET: %s", got)
			}
			if time.Since(from) > 100*time.Millisecond {
				late++
			}
		}
		if got := slow.reply(); got != ":1" {
			t.Errorf("EVAL: %s", got)
		}
		if late == len(others) {
			rounds++
		}
		return rounds == 3
	})
	// The reply to the last script may be here before the server is done with writing it.
	slow.send("PING")
	if got := slow.reply(); got != "+PONG" {
		t.Errorf("PING: %s", got)
	}
	return slow.conn.LocalAddr().String(), gets, scripts
}

// TestRedis records a real server whose GETs wait behind a script, and replays
// that: every request is counted, and the script is blamed.
func TestRedis(t *testing.T) {
	peertest.NeedBPF(t)
	addr, port := server(t)
	file := filepath.Join(t.TempDir(), "real.rec")

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var talk said
	status := make(chan int, 1)
	go func() {
		s := cli.Streams{In: strings.NewReader(""), Out: bufio.NewWriter(io.Discard), Err: &talk}
		status <- cli.Run(ctx, program(kernel{}), s, []string{"record", "--port", port, "--every", "200ms", "-o", file})
	}()
	await(t, "probe that observes", func() bool { return strings.Contains(talk.String(), "msg=observing") || len(status) > 0 })
	culprit, gets, scripts := queue(t, addr)
	cancel()
	if got := <-status; got != 0 {
		t.Fatalf("status %d: %s", got, &talk)
	}

	var out bytes.Buffer
	s := cli.Streams{In: strings.NewReader(""), Out: bufio.NewWriter(&out), Err: &talk}
	if got := cli.Run(t.Context(), program(kernel{}), s, []string{"replay", "--json", file}); got != 0 {
		t.Fatalf("status %d: %s", got, &talk)
	}
	for _, argument := range []string{secret, "tonumber"} {
		if strings.Contains(out.String()+talk.String(), argument) {
			t.Errorf("the argument %s is in the output", argument)
		}
	}
	var r report.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Servers) != 1 || strconv.Itoa(r.Servers[0].Port) != port || r.LostEvents != 0 {
		t.Fatalf("report %s", &out)
	}
	counts := map[string]uint64{}
	for _, c := range r.Servers[0].Commands {
		counts[c.Name] = c.Count
		if got := c.Phases.Service.Count; got != c.Count && c.Name != "PING" {
			t.Errorf("%s: %d requests, of which %d were served", c.Name, c.Count, got)
		}
	}
	if counts["GET"] != gets || counts["EVAL"] != scripts {
		t.Errorf("counts %v, want %d GETs and %d EVALs", counts, gets, scripts)
	}
	blamed := uint64(0)
	for _, b := range r.Servers[0].Blame {
		if b.By == "EVAL" && b.Client == culprit {
			for _, v := range b.Victims {
				if v.Name == "GET" {
					blamed += v.Count
				}
			}
		}
	}
	if blamed < 3 || blamed > gets {
		t.Errorf("%d GETs are charged to the script of %s, want 3 at least: %+v", blamed, culprit, r.Servers[0].Blame)
	}
}
