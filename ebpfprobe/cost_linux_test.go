package ebpfprobe

import (
	"math"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// BenchmarkCost shows what a command costs in the kernel, at both ends of its loopback connection, by the
// kernel's own clock of programs: a command by itself, and each further one of a pipeline of 16. It is
// the best of the rounds, since an interrupt makes a round only longer; -benchtime 12x makes twelve.
func BenchmarkCost(b *testing.B) {
	s := startRedis(b)
	p := observe(b, Config{Ports: []int{s.port}})
	stats, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
	if err != nil {
		b.Skipf("the kernel does not measure programs for us: %v", err)
	}
	defer func() {
		if err := stats.Close(); err != nil {
			b.Error(err)
		}
	}()
	programs := p.engine.tiers.lean.Programs()
	spent := func() float64 {
		var ns float64
		for _, program := range programs {
			st, err := program.Stats()
			if err != nil {
				b.Fatal(err)
			}
			ns += float64(st.Runtime.Nanoseconds())
		}
		return ns
	}
	round := func(n float64, args ...string) float64 {
		before := spent()
		s.benchmark(b, args...)
		return (spent() - before) / n
	}
	alone, batch := math.Inf(1), math.Inf(1)
	for b.Loop() {
		alone = min(alone, round(4000, "-n", "4000", "-c", "10", "-d", "64", "-t", "set"))
		batch = min(batch, round(2000, "-n", "32000", "-c", "10", "-P", "16", "-d", "64", "-t", "set"))
	}
	b.ReportMetric(alone, "ns/command")
	b.ReportMetric((batch-alone)/15, "ns/further")
}
