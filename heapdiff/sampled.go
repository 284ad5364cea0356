package heapdiff

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/clewhq/clew/heapdiff/internal/input"
	"github.com/clewhq/clew/heapdiff/internal/sampled"
)

// readSampled reads a heap profile of Go, jemalloc or tcmalloc.
func readSampled(_ context.Context, in *input.Input, o Options) (*Snapshot, error) {
	p, err := sampled.Parse(in.Data)
	if errors.Is(err, sampled.ErrNoHeap) {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if p.Truncated && !o.Partial {
		return nil, fmt.Errorf("%w: the text breaks off after %d stacks; --partial uses these", ErrDamaged, len(p.Stacks))
	}
	return newSampled(p), nil
}

func newSampled(p *sampled.Profile) *Snapshot {
	s := &Snapshot{
		Kind: KindJemalloc, Time: p.Time, Generations: GenerationsUnknown, Warnings: []string{},
		Sampling: &Sampling{Rate: p.Rate, Allocations: p.Allocations, Runtime: p.Runtime},
	}
	if p.Go {
		s.Kind = KindGo
	}
	if p.Truncated {
		s.Warnings = append(s.Warnings, fmt.Sprintf("the text breaks off after %d stacks", len(p.Stacks)))
	}
	if p.Unnamed {
		s.Warnings = append(s.Warnings, "some functions have no names: their addresses stand for them, and are compared as such")
	}
	for _, st := range p.Stacks {
		s.Objects += st.InUse.Objects
		s.Bytes += st.InUse.Bytes
		s.Classes = append(s.Classes, Class{
			Name: strings.Join(st.Frames, " < "), Stack: st.Frames,
			Instances: st.InUse.Objects, ShallowBytes: st.InUse.Bytes,
			Sample: &Sample{
				InUse: st.InUse.Sampled, Allocated: st.Alloced.Sampled,
				AllocatedObjects: st.Alloced.Objects, AllocatedBytes: st.Alloced.Bytes,
			},
		})
	}
	sortClasses(s.Classes)
	return s
}

func sortClasses(cs []Class) {
	slices.SortStableFunc(cs, func(a, b Class) int {
		return cmp.Or(cmp.Compare(b.ShallowBytes, a.ShallowBytes), strings.Compare(a.Name, b.Name))
	})
}
