package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
)

// Lines is an [Input] that reads samples line by line to the end, each handed on
// as it comes. A line that is not understood is a [Batch.Err], and the next one
// is read.
type Lines struct {
	// From is read from the first Run on. A read that blocks, as one of a terminal
	// may, does not hold Run up when its context ends; what it brings is for the
	// next Run.
	From io.Reader
	// As tells it from the others, such as "standard input".
	As string
	// Metric is the series' name of a file in CSV, as [CSV] has it, which holds one
	// series. Without it the lines are JSON, as [JSONLines] has them.
	Metric string

	begin sync.Once
	lines chan line
}

type line struct {
	sample Sample
	err    error
}

// Name implements [Input].
func (l *Lines) Name() string { return "lines of " + l.As }

// Run implements [Input].
func (l *Lines) Run(ctx context.Context, sink Sink) error {
	l.begin.Do(func() {
		l.lines = make(chan line)
		go l.read()
	})
	for {
		var one line
		var more bool
		select {
		case <-ctx.Done():
			return nil
		case one, more = <-l.lines:
		}
		var syntax *SyntaxError
		b := Batch{Input: l.Name()}
		switch {
		case !more:
			return nil
		case errors.As(one.err, &syntax):
			b.Err = fmt.Errorf("%s: %w", l.As, one.err)
		case one.err != nil:
			return fmt.Errorf("%s: %w", l.As, one.err)
		default:
			b.Samples = []Sample{one.sample}
		}
		_ = sink(ctx, b) // it counts its own failures: the line will not come again
	}
}

// read goes on to the end of what there is to read, whether anybody runs or not.
func (l *Lines) read() {
	defer close(l.lines)
	samples := JSONLines(l.From)
	if l.Metric != "" {
		samples = l.points()
	}
	for s, err := range samples {
		l.lines <- line{s, err}
	}
}

func (l *Lines) points() iter.Seq2[Sample, error] {
	labels := NewLabels(Label{NameLabel, l.Metric})
	return func(yield func(Sample, error) bool) {
		for p, err := range CSV(l.From) {
			if !yield(Sample{Labels: labels, Time: p.Time, Value: p.Value}, err) {
				return
			}
		}
	}
}
