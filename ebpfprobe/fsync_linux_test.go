package ebpfprobe

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/ebpfprobe/report"
)

// TestFsyncAlways has a server sync each of its long writes. What the probe says of each
// request must be within a bucket of the client's own clock, and the part of fsync in it
// what the server's latency monitor says, which counts whole milliseconds. On a busy
// machine the client is late itself, so most requests of one of several rounds have to
// agree.
func TestFsyncAlways(t *testing.T) {
	s := startRedis(t, "--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0", "--latency-monitor-threshold", "1")
	p := observe(t, Config{Ports: []int{s.port}, Syscalls: true})
	c := s.dial(t)
	const n, rounds = 10, 10
	for round := range rounds {
		served, synced := 0, 0
		for i := range n {
			client, monitor, told := timeWrite(t, p, c, uint64(round*n+i+1))
			d := report.BucketOf(uint64(client)) - report.BucketOf(told.service)
			if d >= -1 && d <= 1 {
				served++
			}
			fsync := time.Duration(told.fsync)
			if off := (fsync - monitor).Abs(); off <= time.Millisecond+monitor/8 && fsync > 0 {
				synced++
			}
			t.Logf("took %v, of it fsync %v; by the client's clock %v, by the server's %v", time.Duration(told.service), fsync, client, monitor)
		}
		if served > n/2 && synced > n/2 {
			return
		}
		t.Logf("of %d requests %d took as long as by the client's clock, %d synced as long as by the server's", n, served, synced)
	}
	t.Errorf("in none of %d rounds most requests agree", rounds)
}

// timeWrite has the server write a long value, the nth, and returns how long that took by
// the client's clock, how long the server took to sync it by its own, and what the probe
// says of both.
func timeWrite(t *testing.T, p *Probe, c *conn, n uint64) (client, monitor time.Duration, told write) {
	t.Helper()
	c.do("LATENCY", "RESET")
	before := write{}
	if n > 1 {
		before = writesOf(t, p, n-1)
	}
	start := time.Now()
	c.do("EVAL", "redis.call('SET', 'k', string.rep('v', 500000)) return 1", "0")
	client = time.Since(start)
	told = writesOf(t, p, n)
	told.service -= before.service
	told.fsync -= before.fsync
	return client, c.latest(t, "aof-fsync-always"), told
}

// latest returns the latest time of an event of LATENCY LATEST, whose replies are each a
// name, when, the latest and the longest.
func (c *conn) latest(t *testing.T, event string) (took time.Duration) {
	t.Helper()
	line := func() string {
		text, err := c.r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimRight(text, "\r\n")
	}
	c.send(command("LATENCY", "LATEST"))
	events, err := strconv.Atoi(strings.TrimPrefix(line(), "*"))
	if err != nil {
		t.Fatal(err)
	}
	for range events {
		line() // *4
		line() // the name's length
		name, _, latest, _ := line(), line(), line(), line()
		ms, err := strconv.Atoi(strings.TrimPrefix(latest, ":"))
		if err != nil {
			t.Fatal(err)
		}
		if name == event {
			took = time.Duration(ms) * time.Millisecond
		}
	}
	return took
}

// write is what the probe says of EVAL: wait and service, and of it fsync, in
// nanoseconds.
type write struct{ service, fsync uint64 }

// writesOf returns the sums of the first n writes.
func writesOf(t *testing.T, p *Probe, n uint64) (w write) {
	t.Helper()
	eventually(t, func() error {
		ph := commandOf(only(t, p), "EVAL").Phases
		if ph.Service.Count != n {
			return fmt.Errorf("%d of %d writes were served", ph.Service.Count, n)
		}
		w = write{service: ph.Wait.Sum + ph.Service.Sum}
		if ph.Fsync != nil {
			w.fsync = ph.Fsync.Sum
		}
		return nil
	})
	return w
}
