package spool

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
)

// A record of the size that a request's document has.
var document = bytes.Repeat([]byte("d"), 700)

// BenchmarkAppend ends when the records are in the file system. Dropped ones, were
// there any, would be an error.
func BenchmarkAppend(b *testing.B) {
	for _, sync := range []struct {
		name string
		sync Sync
	}{{"fsync=none", SyncNone}, {"fsync=interval", SyncInterval}, {"fsync=batch", SyncBatch}} {
		b.Run(sync.name, func(b *testing.B) {
			w, err := Open(b.TempDir(), Options{Sync: sync.sync, MaxBlock: patience, MaxBytes: 64 << 30})
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(document)))
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := w.Append(document); err != nil {
						b.Error(err)
						return
					}
				}
			})
			if err := w.Close(context.Background()); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "docs/s")
		})
	}
}

func BenchmarkRead(b *testing.B) {
	dir := b.TempDir()
	w, err := Open(dir, Options{MaxBlock: patience})
	if err != nil {
		b.Fatal(err)
	}
	const n = 100_000
	for range n {
		if err := w.Append(document); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(n * int64(len(document)))
	for b.Loop() {
		r := NewReader(dir, Cursor{})
		got := 0
		for {
			_, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
			got++
		}
		if got != n {
			b.Fatalf("%d records, want %d", got, n)
		}
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
