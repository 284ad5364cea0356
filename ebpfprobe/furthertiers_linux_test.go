package ebpfprobe

import (
	"fmt"
	"testing"
	"time"

	"github.com/clewhq/clew/ebpfprobe/report"
)

// TestFurtherTiers has every tier at once look at a server that syncs each write: the
// parts of the service time must fit one another, and the client's own clock.
func TestFurtherTiers(t *testing.T) {
	s := startRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	p, err := Start(t.Context(), Config{Ports: []int{s.port}, Syscalls: true, OffCPU: true, Deep: true, TraceIDs: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	// A virtual machine may be kept waiting between a write and what the kernel says of it,
	// when the client has its reply and its clock has stopped: so one round of several has to
	// agree with it.
	const sets = 100
	c := s.dial(t)
	var r *report.Report
	var sent, before uint64
	var wrong string
	for range 5 {
		client := timeSets(t, c, sets)
		sent += sets
		eventually(t, func() error { // the client may have its reply before the server's write has ended
			if r, err = p.Report(); err != nil {
				return err
			}
			if n := r.Servers[0].Commands[0].Phases.Service.Count; n < sent {
				return fmt.Errorf("%d of %d SETs were answered", n, sent)
			}
			return nil
		})
		ph := r.Servers[0].Commands[0].Phases
		all := time.Duration(ph.Wait.Sum + ph.Service.Sum - before)
		before = ph.Wait.Sum + ph.Service.Sum
		if wrong = ""; all <= client {
			break
		}
		wrong = fmt.Sprintf("wait and service took %v, by the client's clock %v", all, client)
		t.Log(wrong)
	}
	if wrong != "" {
		t.Error(wrong)
	}
	for _, tier := range r.Tiers {
		if tier.State != report.TierOn {
			t.Errorf("tier %s is %s: %s", tier.Name, tier.State, tier.Missing)
		}
	}
	var synced uint64
	for _, call := range r.Servers[0].Syscalls {
		if call.Name == "fdatasync" {
			synced = call.Time.Sum
		}
	}
	set := r.Servers[0].Commands[0] // the most frequent
	ph := set.Phases
	if set.Name != "SET" || set.Count != sent || ph.Service.Count != sent || ph.Fsync == nil || ph.Call == nil || ph.Call.Count != sent {
		t.Fatalf("%d SETs are %+v", sent, set)
	}
	if ph.Fsync.Sum == 0 || ph.Fsync.Sum > synced || ph.Fsync.Sum < synced*9/10 {
		t.Errorf("SET has %d ns of fsync, fdatasync took %d", ph.Fsync.Sum, synced)
	}
	if inside := ph.Fsync.Sum + ph.Call.Sum; inside > ph.Service.Sum {
		t.Errorf("fsync and call took %d ns of a service of %d", inside, ph.Service.Sum)
	}
	if r.LostEvents != 0 {
		t.Errorf("lost %v", r.Lost)
	}
}

// timeSets sends SETs, one after the other, and returns how long they took by the
// client's clock.
func timeSets(t *testing.T, c *conn, n int) (took time.Duration) {
	t.Helper()
	for range n {
		start := time.Now()
		c.send("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n")
		if line, err := c.r.ReadString('\n'); err != nil || line != "+OK\r\n" {
			t.Fatalf("SET: %q, %v", line, err)
		}
		took += time.Since(start)
	}
	return took
}
