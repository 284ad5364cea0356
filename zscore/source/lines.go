package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
)

// Lines is an [Input] that reads samples line by line to the end, each handed on
// as it comes. A line that is not understood is a [Batch.Err], and the next one
// is read.
type Lines struct {
	// From is read in Run; a read that blocks, as one of a terminal may, holds Run
	// up beyond the end of its context until it returns.
	From io.Reader
	// As tells it from the others, such as "standard input".
	As string
	// Metric is the series' name of a file in CSV, as [CSV] has it, which holds one
	// series. Without it the lines are JSON, as [JSONLines] has them.
	Metric string
}

// Name implements [Input].
func (l *Lines) Name() string { return "lines of " + l.As }

// Run implements [Input].
func (l *Lines) Run(ctx context.Context, sink Sink) error {
	samples := JSONLines(l.From)
	if l.Metric != "" {
		samples = l.points()
	}
	for s, err := range samples {
		var syntax *SyntaxError
		b := Batch{Input: l.Name()}
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.As(err, &syntax):
			b.Err = fmt.Errorf("%s: %w", l.As, err)
		case err != nil:
			return fmt.Errorf("%s: %w", l.As, err)
		default:
			b.Samples = []Sample{s}
		}
		_ = sink(ctx, b) // it counts its own failures: the line will not come again
	}
	return nil
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
