package timeline_test

import (
	"bytes"
	"testing"

	"github.com/clewhq/clew/propagate"
	"github.com/clewhq/clew/propagate/timeline"
)

// BenchmarkEnterLeave is what entering and leaving a span costs: while nobody
// traces, and with a flight recorder running.
func BenchmarkEnterLeave(b *testing.B) {
	one := func(b *testing.B) {
		_, end := span("request")
		defer end()
		ref := propagate.Current()
		b.ReportAllocs()
		for b.Loop() {
			ref.Enter().Leave()
		}
	}
	b.Run("off", one)
	b.Run("recorder", func(b *testing.B) {
		rec, err := timeline.Record(timeline.RecorderOptions{OnSlow: func(timeline.Snapshot) {}})
		if err != nil {
			b.Fatal(err)
		}
		defer rec.Close()
		one(b)
	})
}

// BenchmarkWork is what the recorder costs a program that does nothing for us: two
// goroutines that hand work to and fro, which is what the tracer records most of.
func BenchmarkWork(b *testing.B) {
	work := func(b *testing.B) {
		ask, answer := make(chan int), make(chan int)
		go func() {
			for n := range ask {
				for range 20_000 {
					n = n*31 + 1
				}
				answer <- n
			}
			close(answer)
		}()
		for b.Loop() {
			ask <- 1
			<-answer
		}
		close(ask)
		<-answer
	}
	b.Run("off", work)
	b.Run("recorder", func(b *testing.B) {
		rec, err := timeline.Record(timeline.RecorderOptions{OnSlow: func(timeline.Snapshot) {}})
		if err != nil {
			b.Fatal(err)
		}
		defer rec.Close()
		work(b)
	})
}

func BenchmarkRead(b *testing.B) {
	data := record(b, func() { handOffs(4, 4, 8, 4000) })
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := timeline.Read(bytes.NewReader(data)); err != nil {
			b.Fatal(err)
		}
	}
}
