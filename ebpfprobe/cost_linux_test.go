package ebpfprobe

import (
	"math"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// TestCost checks what a command costs in the kernel, at both ends of its loopback
// connection, by the kernel's own clock of programs. The best of several rounds
// counts: an interrupt makes a round only longer. Where nobody else uses the machine
// it is 1,100 ns for a command by itself and 100 for a further one of a pipeline, and
// the test is over with the first such round; neighbours who share the caches make
// it more, but never half as much again.
func TestCost(t *testing.T) {
	s := startRedis(t)
	p := observe(t, Config{Ports: []int{s.port}})
	stats, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
	if err != nil {
		t.Skipf("the kernel does not measure programs for us: %v", err)
	}
	t.Cleanup(func() {
		if err := stats.Close(); err != nil {
			t.Error(err)
		}
	})
	programs := p.engine.tiers.lean.Programs()
	spent := func() float64 {
		var ns float64
		for _, program := range programs {
			st, err := program.Stats()
			if err != nil {
				t.Fatal(err)
			}
			ns += float64(st.Runtime.Nanoseconds())
		}
		return ns
	}
	round := func(n float64, args ...string) float64 {
		before := spent()
		s.benchmark(t, args...)
		return (spent() - before) / n
	}
	alone, batch := math.Inf(1), math.Inf(1)
	for range 12 {
		alone = min(alone, round(4000, "-n", "4000", "-c", "10", "-d", "64", "-t", "set"))
		batch = min(batch, round(2000, "-n", "32000", "-c", "10", "-P", "16", "-d", "64", "-t", "set"))
		if further := (batch - alone) / 15; alone <= 1100 && further <= 100 {
			t.Logf("%.0f ns for a command by itself, %.0f ns for a further one of a pipeline", alone, further)
			return
		}
	}
	further := (batch - alone) / 15
	t.Logf("%.0f ns for a command by itself, %.0f ns for a further one of a pipeline, on a busy machine", alone, further)
	if alone > 1650 || further > 150 {
		t.Error("this is far beyond 1,100 and 100")
	}
}
