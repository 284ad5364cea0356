package heapdiff

import (
	"context"
	"os"
	"testing"

	"github.com/clewhq/clew/heapdiff/internal/hprof"
	"github.com/clewhq/clew/heapdiff/internal/input"
)

// benchDump is the dump that $CLEW_DUMP names: the figures mean something for a
// heap of a gigabyte or more, which is too large to be kept here. The memory that
// the program takes is measured by internal/heapbench.
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
	for b.Loop() {
		if _, err := Read(context.Background(), path, o); err != nil {
			b.Fatal(err)
		}
	}
}
