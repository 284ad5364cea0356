package heapdiff

import (
	"bytes"
	"context"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/clewhq/clew/heapdiff/internal/hprof"
	"github.com/clewhq/clew/heapdiff/internal/input"
)

// benchDump is the dump that $CLEW_DUMP names: the figures mean something for a
// heap of a gigabyte or more, which is too large to be kept here.
func benchDump(b *testing.B) string {
	b.Helper()
	path := os.Getenv("CLEW_DUMP")
	if path == "" {
		b.Skip("CLEW_DUMP names no heap dump")
	}
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(info.Size())
	return path
}

// BenchmarkBareWalk passes over all records and does nothing with them: the
// speed that the others are measured against.
func BenchmarkBareWalk(b *testing.B) {
	path := benchDump(b)
	for b.Loop() {
		in, err := input.Open(context.Background(), path, input.Options{})
		if err != nil {
			b.Fatal(err)
		}
		f, err := hprof.Open(in.Data)
		if err != nil {
			b.Fatal(err)
		}
		nothing := func(int) hprof.Visitor { return hprof.Visitor{} }
		if err := f.Walk(context.Background(), 2, nothing, nil); err != nil {
			b.Fatal(err)
		}
		if err := in.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHistogram is heapdiff top, with generations if the map is beside.
func BenchmarkHistogram(b *testing.B) { benchRead(b, Options{Shallow: true}) }

// BenchmarkRetained is heapdiff show.
func BenchmarkRetained(b *testing.B) { benchRead(b, Options{}) }

// BenchmarkRetainedInFiles is heapdiff show with a limit of 512 MiB.
func BenchmarkRetainedInFiles(b *testing.B) { benchRead(b, Options{MaxMem: 512 << 20}) }

func benchRead(b *testing.B, o Options) {
	path := benchDump(b)
	stop := watchMemory()
	var objects int64
	for b.Loop() {
		s, err := Read(context.Background(), path, o)
		if err != nil {
			b.Fatal(err)
		}
		objects = s.Objects
	}
	anon, all := stop()
	b.ReportMetric(float64(anon)/float64(objects), "anon-B/object")
	b.ReportMetric(float64(anon)/1e6, "anon-MB")
	b.ReportMetric(float64(all)/1e6, "resident-MB")
}

// watchMemory samples the process's memory until the function it returns is
// called, which tells the peaks of what is anonymous and of all.
func watchMemory() func() (anon, all int64) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	var anon, all int64
	wg.Go(func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			status, _ := os.ReadFile("/proc/self/status") // 0 where there is none
			anon = max(anon, field(status, "RssAnon:"))
			all = max(all, field(status, "VmRSS:"))
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	})
	return func() (int64, int64) {
		close(done)
		wg.Wait()
		return anon, all
	}
}

func field(status []byte, name string) int64 {
	_, rest, ok := bytes.Cut(status, []byte(name))
	if f := bytes.Fields(rest); ok && len(f) > 0 {
		kb, _ := strconv.ParseInt(string(f[0]), 10, 64)
		return kb << 10
	}
	return 0
}
