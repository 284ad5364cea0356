package heapdiff

import (
	"context"
	"fmt"

	"github.com/clewhq/clew/heapdiff/internal/histogram"
	"github.com/clewhq/clew/heapdiff/internal/input"
)

// readHistogram reads the text of jmap -histo or jcmd GC.class_histogram.
func readHistogram(_ context.Context, in *input.Input, o Options) (*Snapshot, error) {
	h, err := histogram.Parse(in.Data)
	switch {
	case h == nil:
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	case err == nil && !h.Whole:
		err = fmt.Errorf("its last line, with the total, is missing or is not the sum of the %d rows before", len(h.Rows))
	}
	s := &Snapshot{Kind: KindHistogram, Generations: GenerationsUnknown, Warnings: []string{}}
	if err != nil {
		if !o.Partial {
			return nil, fmt.Errorf("%w: %w; --partial uses the %d rows before", ErrDamaged, err, len(h.Rows))
		}
		s.Warnings = append(s.Warnings, err.Error())
	}
	index := map[string]int{}
	for _, r := range h.Rows {
		s.Objects += r.Instances
		s.Bytes += r.Bytes
		i, ok := index[r.Class] // a class of several loaders has several rows
		if !ok {
			i = len(s.Classes)
			index[r.Class] = i
			s.Classes = append(s.Classes, Class{Name: r.Class})
		}
		s.Classes[i].Instances += r.Instances
		s.Classes[i].ShallowBytes += r.Bytes
	}
	sortClasses(s.Classes)
	return s, nil
}
