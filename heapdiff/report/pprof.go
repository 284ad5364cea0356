package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/google/pprof/profile"

	"github.com/clewhq/clew/heapdiff"
)

// Pprof writes the newest snapshot's holders as a profile that go tool pprof and
// its relatives read: a stack is the way from a root to a holder, a sample what
// the holder retains beyond those below it. With several snapshots the growth
// since the first is a second type of sample, and the default one.
func Pprof(w io.Writer, d *heapdiff.Delta, o Options) error {
	b := &builder{
		p: &profile.Profile{
			SampleType: []*profile.ValueType{{Type: "retained", Unit: "bytes"}, {Type: "objects", Unit: "count"}},
			PeriodType: &profile.ValueType{Type: "space", Unit: "bytes"}, Period: 1,
		},
		locations: map[string]*profile.Location{},
	}
	last := len(d.Snapshots) - 1
	if at := d.Snapshots[last].Time; !at.IsZero() {
		b.p.TimeNanos = at.UnixNano()
		if first := d.Snapshots[0].Time; last > 0 && !first.IsZero() && at.After(first) {
			b.p.DurationNanos = at.Sub(first).Nanoseconds()
		}
	}
	if last > 0 {
		b.p.SampleType = append(b.p.SampleType, &profile.ValueType{Type: "growth", Unit: "bytes"})
		b.p.DefaultSampleType = "growth"
	}
	if len(d.Holders) > 0 {
		b.holders(d, &o, last)
	} else {
		b.classes(d, &o, last)
	}
	if err := b.p.Write(w); err != nil {
		return fmt.Errorf("write profile: %w", err)
	}
	return nil
}

type builder struct {
	p         *profile.Profile
	locations map[string]*profile.Location
}

func (b *builder) holders(d *heapdiff.Delta, o *Options, last int) {
	retained := make([]int64, len(d.Holders)) // without the children
	growth := make([]int64, len(d.Holders))
	for i := range d.Holders {
		h := &d.Holders[i]
		retained[i] += h.RetainedBytes[last]
		growth[i] += h.Growth()
		if h.Parent >= 0 {
			retained[h.Parent] -= h.RetainedBytes[last]
			growth[h.Parent] -= h.Growth()
		}
	}
	for i := range d.Holders {
		if retained[i] == 0 && growth[i] == 0 {
			continue
		}
		var stack []*profile.Location
		shown := false
		for k := i; k >= 0; k = d.Holders[k].Parent {
			name := holderName(&d.Holders[k])
			shown = shown || o.shows(name)
			stack = append(stack, b.location(name))
		}
		if shown {
			b.sample(stack, last, retained[i], d.Holders[i].Objects[last], growth[i])
		}
	}
}

// holderName is a frame: the field by which a holder is held, and its class.
func holderName(h *heapdiff.HolderDelta) string {
	return strings.TrimSpace(h.Label + " " + h.Class)
}

func (b *builder) classes(d *heapdiff.Delta, o *Options, last int) {
	for _, c := range o.classes(d) {
		a := o.of(&c.At[last])
		stack := []*profile.Location{b.location(c.Name)}
		if frames := stackOf(&c); len(frames) > 0 {
			stack = stack[:0]
			for _, f := range frames {
				stack = append(stack, b.location(f))
			}
		}
		b.sample(stack, last, a.bytes, a.objects, o.growth(&c))
	}
}

func (b *builder) sample(stack []*profile.Location, last int, retained, objects, growth int64) {
	values := []int64{retained, objects}
	if last > 0 {
		values = append(values, growth)
	}
	b.p.Sample = append(b.p.Sample, &profile.Sample{Location: stack, Value: values})
}

func (b *builder) location(name string) *profile.Location {
	l := b.locations[name]
	if l == nil {
		f := &profile.Function{ID: uint64(len(b.p.Function) + 1), Name: name, SystemName: name}
		b.p.Function = append(b.p.Function, f)
		l = &profile.Location{ID: f.ID, Line: []profile.Line{{Function: f}}}
		b.p.Location = append(b.p.Location, l)
		b.locations[name] = l
	}
	return l
}
