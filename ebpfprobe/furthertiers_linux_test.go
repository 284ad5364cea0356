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
	const sets = 300
	c := s.dial(t)
	var client time.Duration
	for range sets {
		start := time.Now()
		c.send("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n")
		if line, err := c.r.ReadString('\n'); err != nil || line != "+OK\r\n" {
			t.Fatalf("SET: %q, %v", line, err)
		}
		client += time.Since(start)
	}
	var r *report.Report
	eventually(t, func() error { // the client may have its reply before the server's write has ended
		if r, err = p.Report(); err != nil {
			return err
		}
		if n := r.Servers[0].Commands[0].Phases.Service.Count; n < sets {
			return fmt.Errorf("%d of %d SETs were answered", n, sets)
		}
		return nil
	})
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
	if set.Name != "SET" || set.Count != sets || ph.Service.Count != sets || ph.Fsync == nil || ph.Call == nil || ph.Call.Count != sets {
		t.Fatalf("%d SETs are %+v", sets, set)
	}
	if ph.Fsync.Sum == 0 || ph.Fsync.Sum > synced || ph.Fsync.Sum < synced*9/10 {
		t.Errorf("SET has %d ns of fsync, fdatasync took %d", ph.Fsync.Sum, synced)
	}
	if inside := ph.Fsync.Sum + ph.Call.Sum; inside > ph.Service.Sum {
		t.Errorf("fsync and call took %d ns of a service of %d", inside, ph.Service.Sum)
	}
	if all := time.Duration(ph.Wait.Sum + ph.Service.Sum); all > client {
		t.Errorf("wait and service took %v, by the client's clock %v", all, client)
	}
	if r.LostEvents != 0 {
		t.Errorf("lost %v", r.Lost)
	}
}
