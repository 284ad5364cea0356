package timeline

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	xtrace "golang.org/x/exp/trace"
)

// Read reads an execution trace as runtime/trace.Start, a flight recorder or
// net/http/pprof's /debug/pprof/trace write it, of Go 1.22 or later.
//
// A trace that breaks off or is damaged gives a report of what came before and
// an error. It holds in memory what is known of the goroutines and the spans,
// not the events.
func Read(r io.Reader) (*Report, error) {
	m := newMachine()
	err := m.read(r)
	rep := m.finish()
	if err != nil {
		return rep, fmt.Errorf("read execution trace: %w", err)
	}
	return rep, nil
}

// read feeds the machine. The reader of the trace format is not ours and meets
// damaged input with a panic here and there; that is an error of the input.
func (m *machine) read(r io.Reader) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("after %v: damaged: %v", m.now, p)
		}
	}()
	reader, err := xtrace.NewReader(r)
	if err != nil {
		return err
	}
	for {
		ev, err := reader.ReadEvent()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("after %v: %w", m.now, err)
		}
		m.event(ev)
	}
}

// finish closes what is open at the end of the trace.
func (m *machine) finish() *Report {
	for _, g := range m.goroutines {
		m.closePeriod(g)
		for g.worker.depth > 0 {
			m.regionEnd(g)
		}
	}
	for _, s := range m.order {
		s.Complete = s.started && s.ended
		if !s.ended {
			s.settle(m.now)
			s.End = m.now
		}
	}
	m.judge()
	m.report.Length = m.now
	for _, s := range m.order {
		slices.SortFunc(s.Elsewhere, byTime)
		m.report.Spans = append(m.report.Spans, s.Span)
	}
	slices.SortStableFunc(m.report.Spans, func(a, b Span) int { return cmp.Compare(a.Start, b.Start) })
	slices.SortFunc(m.report.Unknown, byTime)
	return &m.report
}

func byTime(a, b Work) int {
	return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Goroutine, b.Goroutine))
}
