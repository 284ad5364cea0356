//go:build amd64 || arm64

package offcpu

import (
	"strconv"
	"testing"
	"time"

	"github.com/clewhq/clew/ebpfprobe/internal/redistest"
)

// TestForks compares forks with what the server says of them: how long each
// kept it, and how many pages were copied while the child lived.
func TestForks(t *testing.T) {
	tr := open(t, Config{SumForks: true})
	r := redistest.Start(t, "--enable-debug-command", "yes", "--activedefrag", "no")
	if got := r.Do("DEBUG", "POPULATE", "300000", "key", "300"); got != "OK" {
		t.Fatal(got)
	}
	if err := tr.Watch(r.PID, 2); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	// What the scheduler does between the call and Redis's look at its clock is in one of them
	// only, so that on a busy machine most of the forks agree, not all.
	near := 0
	for i := 0; near < 5; i++ {
		if i == 30 {
			t.Fatalf("only %d of %d forks agree with latest_fork_usec", near, i)
		}
		if got := r.Do("BGSAVE"); got != "Background saving started" {
			t.Fatal(got)
		}
		usec := r.Info("latest_fork_usec")
		redistest.Wait(t, "the snapshot does not end", func() bool { return r.Info("rdb_bgsave_in_progress") == 0 })
		all := forksOf(t, tr, 2)
		if len(all) != i+1 {
			t.Fatalf("%d forks, want %d", len(all), i+1)
		}
		ratio := float64(all[i].StallNS) / 1e3 / usec
		t.Logf("latest_fork_usec is %v, the stall %.2f of it", usec, ratio)
		if ratio > 0.8 && ratio < 1.2 {
			near++
		}
	}
	var sum uint64
	for _, f := range forksOf(t, tr, 2) {
		sum += f.StallNS
		if f.At.Before(began.Add(-time.Second)) || f.At.After(time.Now().Add(time.Second)) || f.ChildLifeNS == 0 || f.ChildPID == 0 {
			t.Errorf("%+v, of a test that began at %v", f, began)
		}
	}
	var s bpfServer
	if err := tr.coll.Maps[bpfMapServers].Lookup(uint32(2), &s); err != nil || s.Forked != sum {
		t.Errorf("the sum of forks is %d, not %d, %v", s.Forked, sum, err)
	}
}

// TestCopies writes to many pages while a child lives, which Redis counts in the
// child's memory.
func TestCopies(t *testing.T) {
	tr := open(t, Config{})
	if err := tr.Degraded(); err != nil {
		t.Skip(err)
	}
	r := redistest.Start(t, "--enable-debug-command", "yes", "--activedefrag", "no", "--rdb-key-save-delay", "10000000", "--disable-thp", "yes")
	const keys = 8000
	if got := r.Do("DEBUG", "POPULATE", strconv.Itoa(keys), "key", "4096"); got != "OK" {
		t.Fatal(got)
	}
	if err := tr.Watch(r.PID, 0); err != nil {
		t.Fatal(err)
	}
	before := faults(t, r.PID)
	if got := r.Do("BGSAVE"); got != "Background saving started" {
		t.Fatal(got)
	}
	for i := range keys {
		r.Do("SETRANGE", "key:"+strconv.Itoa(i), "2000", "x")
	}
	f := forksOf(t, tr, 0)
	after := faults(t, r.PID)
	if len(f) != 1 || f[0].ChildLifeNS != 0 {
		t.Fatalf("forks: %+v", f)
	}
	// Each value is on a page of its own. Of the process's faults nearly all are copies.
	if n := f[0].CopyFaults; n < keys || n > after-before {
		t.Errorf("%d pages copied for %d values, in %d faults", n, keys, after-before)
	}
	if err := stop(f[0].ChildPID); err != nil {
		t.Fatal(err)
	}
	redistest.Wait(t, "the child's end is not seen", func() bool { return forksOf(t, tr, 0)[0].ChildLifeNS != 0 })
	copies := forksOf(t, tr, 0)[0].CopyFaults
	r.Do("SETRANGE", "key:0", "2000", "y")
	if again := forksOf(t, tr, 0); again[0].CopyFaults != copies {
		t.Errorf("%d pages copied, %d after the child's end", copies, again[0].CopyFaults)
	}
}
