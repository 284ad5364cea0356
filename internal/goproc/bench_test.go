//go:build linux && (amd64 || arm64)

package goproc

import (
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkCommand is all that one call of the command does with a process of
// 10,000 goroutines in 5,000 labelled requests: find the runtime's structures,
// read everything once, let go.
func BenchmarkCommand(b *testing.B) {
	tg := start(b, builds[0].make(b, toolchain(b, hostMinor(b))), "10000")
	b.ReportAllocs()
	var n, stacks int
	for b.Loop() {
		p, err := Open(tg.cmd.Process.Pid)
		if err != nil {
			b.Fatal(err)
		}
		s, err := p.Snapshot(b.Context(), Options{})
		if err != nil {
			b.Fatal(err)
		}
		n, stacks = len(s.Goroutines), 0
		for i := range s.Goroutines {
			if len(s.Goroutines[i].Stack) > 2 {
				stacks++
			}
		}
		if err := p.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n), "goroutines")
	b.ReportMetric(float64(stacks), "stacks")
}

// BenchmarkSnapshot is one more reading of the same process.
func BenchmarkSnapshot(b *testing.B) {
	p := start(b, builds[0].make(b, toolchain(b, hostMinor(b))), "10000").open(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Snapshot(b.Context(), Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPauses shows what reading does to the process: the longest time that
// a thread of it needed to map, write and unmap a page in a time in which its
// 10,000 goroutines were read once, and for comparison in one in which they were
// not. Nothing stops the process; what could hold it up is the kernel's lock on its
// mappings, above all when the machine is so busy that the reader loses its
// processor while it holds the lock. Both are the median of the rounds' maxima.
func BenchmarkPauses(b *testing.B) {
	tg := start(b, builds[0].make(b, toolchain(b, hostMinor(b))), "pauses")
	p := tg.open(b)
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	const round = 200 * time.Millisecond
	var alone, read []float64
	for b.Loop() {
		alone = append(alone, tg.longest(b, round, func() {}))
		read = append(read, tg.longest(b, round, func() {
			if _, err := p.Snapshot(b.Context(), Options{}); err != nil {
				b.Fatal(err)
			}
		}))
	}
	b.ReportMetric(median(alone), "alone-us")
	b.ReportMetric(median(read), "read-us")
	b.ReportMetric(slices.Max(read), "read-max-us")
}

// longest returns the target's longest pause, in microseconds, in a time in which f was called.
func (tg *target) longest(b *testing.B, d time.Duration, f func()) float64 {
	b.Helper()
	tg.ask(b, "longest")
	rest := time.NewTimer(d)
	f()
	<-rest.C
	ns, err := strconv.ParseFloat(strings.TrimSpace(tg.ask(b, "longest")), 64)
	if err != nil {
		b.Fatal(err)
	}
	return ns / 1e3
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}
