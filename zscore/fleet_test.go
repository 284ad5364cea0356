//go:build unix

package zscore

import (
	"math"
	"math/rand/v2"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// BenchmarkFleet judges a point each 15 seconds of as many series as a daemon has,
// so many that no cache holds them, each with a season of a fortnight behind it.
// It says what a point costs the processor, whatever else the machine does, and
// what a series takes of the heap.
func BenchmarkFleet(b *testing.B) {
	const series = 20_000
	for _, name := range []string{"auto", "season", "ensemble", "zscore"} {
		b.Run(name, func(b *testing.B) {
			schedule := fleetSchedule(b)
			taught, at := fortnight(b, name, schedule)
			before := heap()
			fleet := make([]Detector, series)
			for i := range fleet {
				d, err := NewDetector(name, schedule, KindRate, step)
				if err != nil {
					b.Fatal(err)
				}
				if err := d.(Snapshotter).UnmarshalBinary(taught); err != nil {
					b.Fatal(err)
				}
				fleet[i] = d
			}
			perSeries := float64(heap()-before) / series
			noise := rand.New(rand.NewPCG(1, 5))
			values := make([]float64, 4096)
			for i := range values {
				values[i] = 100 * math.Exp(0.05*noise.NormFloat64())
			}
			b.ReportAllocs()
			i, began := 0, cpuTime()
			for b.Loop() {
				if i%series == 0 {
					at = at.Add(step)
				}
				// Each scrape has a jitter of its own.
				fleet[i%series].Observe(at.Add(time.Duration(i%1000)*time.Millisecond), values[i%len(values)])
				i++
			}
			spent := cpuTime() - began
			b.ReportMetric(float64(spent.Nanoseconds())/float64(i), "cpu-ns/point")
			b.ReportMetric(float64(i)/spent.Seconds()/1e6, "Mpoints/s/core")
			b.ReportMetric(perSeries, "B/series")
			runtime.KeepAlive(fleet)
		})
	}
}

func fleetSchedule(t testing.TB) *Schedule {
	t.Helper()
	s, err := NewSchedule(Calendar{Zone: seoul(t), Edges: []time.Duration{9 * time.Hour, 15*time.Hour + 30*time.Minute}, Holidays: []Date{{2026, 12, 25}}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fortnight is what a detector knows after two weeks and a holiday, and when that
// is.
func fortnight(t testing.TB, name string, schedule *Schedule) ([]byte, time.Time) {
	t.Helper()
	d, err := NewDetector(name, schedule, KindRate, step)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(2, 6))
	at := time.Date(2026, 12, 14, 0, 0, 0, 0, time.UTC)
	for range 14 * 1440 {
		at = at.Add(time.Minute)
		d.Observe(at, 100*math.Exp(0.05*r.NormFloat64()))
	}
	b, err := d.(Snapshotter).AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b, at
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// cpuTime is what the process has used of the processors.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
