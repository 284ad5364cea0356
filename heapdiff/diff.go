package heapdiff

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// judges name the suspects of a Delta and word its verdict, kind by kind.
var judges = map[Kind]func(*Delta){
	KindJVM:       judgeJVM,
	KindGo:        judgeSampled,
	KindJemalloc:  judgeSampled,
	KindHistogram: judgeHistogram,
}

// Diff sets snapshots side by side, in the order given, oldest first. One alone
// gives a Delta without growth, in which what is large today is suspected.
func Diff(snapshots ...*Snapshot) (*Delta, error) {
	if len(snapshots) == 0 {
		return nil, errors.New("diff: no snapshots")
	}
	d := &Delta{Kind: snapshots[0].Kind, Snapshots: snapshots}
	for _, s := range snapshots[1:] {
		if s.Kind != d.Kind {
			return nil, fmt.Errorf("diff: %s is of kind %s, %s of kind %s: they cannot be compared",
				snapshots[0].Source, d.Kind, s.Source, s.Kind)
		}
		if s.Reached != snapshots[0].Reached {
			d.Warnings = append(d.Warnings, fmt.Sprintf("%s and %s were not read to the same depth: liveness and holders are compared only where both have them", snapshots[0].Source, s.Source))
		}
	}
	d.checkOrder()
	d.joinClasses()
	d.joinHolders()
	if judge := judges[d.Kind]; judge != nil {
		judge(d)
	}
	return d, nil
}

// checkOrder warns when the clock contradicts the order given.
func (d *Delta) checkOrder() {
	for i, s := range d.Snapshots[1:] {
		before := d.Snapshots[i]
		if !s.Time.IsZero() && s.Time.Before(before.Time) {
			d.Warnings = append(d.Warnings, fmt.Sprintf("%s is older than %s: is the order of the arguments right?", s.Source, before.Source))
		}
	}
}

func (d *Delta) times() []time.Time {
	out := make([]time.Time, len(d.Snapshots))
	for i, s := range d.Snapshots {
		out[i] = s.Time
	}
	return out
}

type classKey struct{ name, loader string }

// joinClasses fills Classes, by growth of the measure, largest first.
func (d *Delta) joinClasses() {
	rows := map[classKey]*ClassDelta{}
	for i, s := range d.Snapshots {
		for _, c := range s.Classes {
			k := classKey{c.Name, c.Loader}
			row := rows[k]
			if row == nil {
				row = &ClassDelta{Name: c.Name, Loader: c.Loader, At: make([]Class, len(d.Snapshots))}
				for j := range row.At {
					row.At[j] = absent(c, d.Snapshots[j])
				}
				rows[k] = row
			}
			row.At[i] = c
		}
	}
	times, measure := d.times(), d.measure()
	for _, row := range rows {
		values := make([]int64, len(row.At))
		for i := range row.At {
			values[i] = measure(&row.At[i])
		}
		row.Trend = NewTrend(values, times)
		d.Classes = append(d.Classes, *row)
	}
	last := len(d.Snapshots) - 1
	slices.SortFunc(d.Classes, func(a, b ClassDelta) int {
		return cmp.Or(
			cmp.Compare(b.Growth(), a.Growth()),
			cmp.Compare(b.At[last].ShallowBytes, a.At[last].ShallowBytes),
			strings.Compare(a.Name, b.Name), strings.Compare(a.Loader, b.Loader))
	})
}

// absent is the row of a class that a snapshot does not have: zeros, with
// generations where that snapshot knows them.
func absent(c Class, s *Snapshot) Class {
	zero := Class{Name: c.Name, Loader: c.Loader, Stack: c.Stack}
	if s.Generations != GenerationsUnknown {
		zero.Old, zero.Young = &Population{}, &Population{}
	}
	return zero
}

// measure is what growth of a class means here: the bytes of its live old
// instances if every snapshot knows them, else of all.
func (d *Delta) measure() func(*Class) int64 {
	old := true
	for _, s := range d.Snapshots {
		old = old && s.Generations != GenerationsUnknown && s.Reached
	}
	if !old {
		return func(c *Class) int64 { return c.ShallowBytes }
	}
	return func(c *Class) int64 {
		if c.Old == nil {
			return 0
		}
		return c.Old.LiveBytes
	}
}

// holderKey is what one holder has in common over all snapshots. The way to a
// static field does not count: the parent is -1 then.
type holderKey struct {
	parent       int
	label, class string
}

// joinHolders fills Holders: the union of the snapshots' trees, parents before
// children.
func (d *Delta) joinHolders() {
	at := map[holderKey]int{}
	for i, s := range d.Snapshots {
		index := make([]int, len(s.Holders)) // of the snapshot's holder in d.Holders
		for j := range s.Holders {
			h := &s.Holders[j]
			parent := -1
			if h.Parent >= 0 {
				parent = index[h.Parent]
			}
			key := holderKey{parent, h.Label, h.Class}
			if h.Static {
				key.parent = -1
			}
			k, ok := at[key]
			if !ok {
				k = len(d.Holders)
				at[key] = k
				d.Holders = append(d.Holders, HolderDelta{
					Label: h.Label, Class: h.Class, Static: h.Static, Parent: parent,
					Objects: make([]int64, len(d.Snapshots)), RetainedBytes: make([]int64, len(d.Snapshots)),
				})
			}
			index[j] = k
			d.Holders[k].Objects[i] += h.Objects
			d.Holders[k].RetainedBytes[i] += h.RetainedBytes
		}
	}
}
