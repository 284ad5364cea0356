package ebpfprobe

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
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

// BenchmarkDeep shows what the deep tier costs a server beside the lean one, by the time that its event
// loop is on a CPU, which an interruption of the program has to be seen in: a command by itself, each one
// of a pipeline of 16, and one under TLS, whose OpenSSL is watched too. It is the median of the rounds,
// each of which measures with the tier and without it; -benchtime 12x makes twelve.
func BenchmarkDeep(b *testing.B) {
	s, port := startTLS(b)
	tls := []string{"-p", strconv.Itoa(port), "--tls", "--insecure"}
	loads := []struct {
		metric string
		n      int
		args   []string
	}{
		{"ns/command", 8000, []string{"-n", "8000", "-c", "10", "-t", "set"}},
		{"ns/pipelined", 64000, []string{"-n", "64000", "-c", "10", "-P", "16", "-t", "set"}},
		{"ns/TLS-command", 8000, append(tls, "-n", "8000", "-c", "10", "-t", "set")},
	}
	more := make([][]float64, len(loads))
	for b.Loop() {
		for i, l := range loads {
			var took [2]float64
			for j, deep := range []bool{false, true} {
				p := observe(b, Config{Ports: []int{s.port}, Deep: deep})
				s.benchmark(b, "-n", "200", "-t", "set") // settles where names are
				if _, err := p.Report(); err != nil {
					b.Fatal(err)
				}
				before := s.onCPU(b)
				s.benchmark(b, l.args...)
				took[j] = (s.onCPU(b) - before) / float64(l.n)
				if err := p.Close(); err != nil {
					b.Fatal(err)
				}
			}
			more[i] = append(more[i], took[1]-took[0])
		}
	}
	for i, l := range loads {
		slices.Sort(more[i])
		b.ReportMetric(more[i][len(more[i])/2], l.metric)
	}
}

// onCPU returns how long the server's main thread was on a CPU, in nanoseconds.
func (s *server) onCPU(b *testing.B) float64 {
	b.Helper()
	pid := s.cmd.Process.Pid
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/schedstat", pid, pid))
	if err != nil {
		b.Fatal(err)
	}
	var ns float64
	if _, err := fmt.Sscan(string(text), &ns); err != nil {
		b.Fatal(err)
	}
	return ns
}
