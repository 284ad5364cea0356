// Package report writes a comparison of heaps as text, JSON, Markdown, a page of
// HTML or a pprof profile. Each writer is a function of the comparison alone.
package report

import (
	"cmp"
	"regexp"
	"slices"

	"github.com/clewhq/clew/heapdiff"
	"github.com/clewhq/clew/heapdiff/internal/humanize"
)

// Generation chooses a part of a generational heap.
type Generation string

// State chooses objects by whether a full collection would keep them.
type State string

// The choices; the empty string takes all.
const (
	Old   Generation = "old"
	Young Generation = "young"
	Live  State      = "live"
	Dead  State      = "dead"
)

// SampleIndex chooses what of a sampled profile is shown, in the words of pprof.
type SampleIndex string

// The choices; the empty string is InuseSpace. The first two mean something in
// every kind of snapshot.
const (
	InuseSpace   SampleIndex = "inuse_space"
	InuseObjects SampleIndex = "inuse_objects"
	AllocSpace   SampleIndex = "alloc_space"   // since the program began
	AllocObjects SampleIndex = "alloc_objects" // since the program began
)

// Allocated reports whether the choice is what was allocated, in use or not.
func (i SampleIndex) Allocated() bool { return i == AllocSpace || i == AllocObjects }

// objects reports whether objects are counted, not bytes.
func (i SampleIndex) objects() bool { return i == InuseObjects || i == AllocObjects }

// Options choose what a report shows. The zero value shows all.
type Options struct {
	Top        int            // rows of a table; 0 is no limit
	Focus      *regexp.Regexp // only classes and holders that match
	Ignore     *regexp.Regexp // not those that match
	Generation Generation
	State      State
	Sample     SampleIndex
	Retained   bool // the retained size of every class too
	Width      int  // columns of the text; 0 is 100
}

func (o *Options) shows(name string) bool {
	return (o.Focus == nil || o.Focus.MatchString(name)) && (o.Ignore == nil || !o.Ignore.MatchString(name))
}

// amount is a number of objects with their bytes.
type amount struct{ objects, bytes int64 }

// of is the part of a class that the options choose.
func (o *Options) of(c *heapdiff.Class) amount {
	if o.Sample.Allocated() {
		if c.Sample == nil {
			return amount{}
		}
		return amount{c.Sample.AllocatedObjects, c.Sample.AllocatedBytes}
	}
	if o.Generation == "" && o.State == "" {
		return amount{c.Instances, c.ShallowBytes}
	}
	var a amount
	for _, g := range []struct {
		name Generation
		p    *heapdiff.Population
	}{{Old, c.Old}, {Young, c.Young}} {
		if g.p == nil || o.Generation != "" && o.Generation != g.name {
			continue
		}
		switch o.State {
		case Live:
			a.objects, a.bytes = a.objects+g.p.Live, a.bytes+g.p.LiveBytes
		case Dead:
			a.objects, a.bytes = a.objects+g.p.Dead, a.bytes+g.p.DeadBytes
		default:
			a.objects, a.bytes = a.objects+g.p.Instances(), a.bytes+g.p.Bytes()
		}
	}
	return a
}

// classes are the rows that the options choose, in the order of a report: by
// growth, or by size when there is one snapshot.
func (o *Options) classes(d *heapdiff.Delta) []heapdiff.ClassDelta {
	var rows []heapdiff.ClassDelta
	for _, c := range d.Classes {
		chosen := o.Generation == "" && o.State == "" && stackOf(&c) == nil
		if o.shows(c.Name) && (chosen || o.any(&c)) { // a stack may have nothing in use
			rows = append(rows, c)
		}
	}
	if o.chooses() || len(d.Snapshots) == 1 {
		slices.SortStableFunc(rows, func(a, b heapdiff.ClassDelta) int {
			return cmp.Compare(o.weight(&b), o.weight(&a))
		})
	}
	if o.Top > 0 && len(rows) > o.Top {
		rows = rows[:o.Top]
	}
	return rows
}

// chooses reports whether a part of what there is has been chosen.
func (o *Options) chooses() bool {
	return o.Generation != "" || o.State != "" || o.Sample != "" && o.Sample != InuseSpace
}

func (o *Options) any(c *heapdiff.ClassDelta) bool {
	return slices.ContainsFunc(c.At, func(at heapdiff.Class) bool { return o.of(&at).objects > 0 })
}

func (o *Options) weight(c *heapdiff.ClassDelta) int64 {
	last := o.measure(&c.At[len(c.At)-1])
	if len(c.At) == 1 {
		return last
	}
	return last - o.measure(&c.At[0])
}

// measure is what rows are compared by.
func (o *Options) measure(c *heapdiff.Class) int64 {
	if o.Sample.objects() {
		return o.of(c).objects
	}
	return o.of(c).bytes
}

// suspects are the suspects that the options choose.
func (o *Options) suspects(d *heapdiff.Delta) []heapdiff.Suspect {
	var out []heapdiff.Suspect
	for _, s := range d.Suspects {
		if o.shows(s.Holder) || o.shows(s.Class) {
			out = append(out, s)
		}
	}
	return out
}

// growth is the growth that a table shows of a class: of the part that the
// options choose, or else of what the comparison is about.
func (o *Options) growth(c *heapdiff.ClassDelta) int64 {
	if o.chooses() {
		return o.weight(c)
	}
	return c.Growth()
}

// change words a growth.
func (o *Options) change(n int64) string {
	switch {
	case !o.Sample.objects():
		return humanize.Change(n)
	case n > 0:
		return "+" + humanize.Count(n)
	default:
		return humanize.Count(n)
	}
}
