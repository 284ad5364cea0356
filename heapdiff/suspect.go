package heapdiff

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/clewhq/clew/heapdiff/internal/humanize"
)

// A holder is suspected from these amounts on: of growth between snapshots, or
// of the live heap in a single one.
const (
	minGrowth      = 16 << 10
	minGrowthShare = 0.002 // of the live bytes of the newest snapshot
	minHeldShare   = 0.10
	// minScore leaves out what grew once and stopped, as a cache does.
	minScore = 0.15
	// accumulates is the part of a holder's growth that one child must have for
	// the path to go on there.
	accumulates = 0.7
	// maxSuspects bounds the list: who has to look at more looks at the tables.
	maxSuspects = 20
)

func judgeJVM(d *Delta) {
	reached := true
	for _, s := range d.Snapshots {
		reached = reached && s.Reached
	}
	if reached {
		d.suspectHolders()
	}
	d.compareFindings()
	d.verdictJVM(reached)
}

// named is a holder with a name of its own, without what named ones below it hold.
type named struct {
	holder int
	own    []int64 // retained bytes, one for each snapshot
}

// suspectHolders fills Suspects. Each byte is put down to the nearest holder
// that has a name: a static field, a thread, a root.
func (d *Delta) suspectHolders() {
	nearest := make([]int, len(d.Holders)) // named holder at or above, -1 if none
	all := map[int]*named{}
	children := make([][]int, len(d.Holders))
	for i := range d.Holders {
		h := &d.Holders[i]
		nearest[i] = -1
		if h.Parent >= 0 {
			nearest[i] = nearest[h.Parent]
			children[h.Parent] = append(children[h.Parent], i)
		}
		if !h.Static && h.Parent >= 0 {
			continue
		}
		if above := nearest[i]; above >= 0 {
			for k, v := range h.RetainedBytes {
				all[above].own[k] -= v
			}
		}
		nearest[i] = i
		all[i] = &named{i, slices.Clone(h.RetainedBytes)}
	}
	var total int64 // of what grew, or of all, when there is one snapshot
	for _, n := range all {
		total += max(0, d.weight(n.own))
	}
	for _, n := range all {
		if s, ok := d.suspect(n, children, total); ok {
			d.Suspects = append(d.Suspects, s)
		}
	}
	slices.SortFunc(d.Suspects, func(a, b Suspect) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), strings.Compare(a.Holder, b.Holder))
	})
	d.Suspects = d.Suspects[:min(len(d.Suspects), maxSuspects)]
}

// weight is what speaks against a holder: its growth, or its size when there is
// nothing to compare with.
func (d *Delta) weight(v []int64) int64 {
	if len(v) == 1 {
		return v[0]
	}
	return v[len(v)-1] - v[0]
}

func (d *Delta) suspect(n *named, children [][]int, total int64) (Suspect, bool) {
	w := d.weight(n.own)
	live := float64(d.newest().LiveBytes)
	single := len(n.own) == 1
	if single && float64(w) < minHeldShare*live || !single && (w < minGrowth || float64(w) < minGrowthShare*live) {
		return Suspect{}, false
	}
	score := float64(w) / float64(total)
	if !single {
		score = (0.3 + 0.7*score) * steadiness(n.own)
	}
	if score < minScore {
		return Suspect{}, false
	}
	h := &d.Holders[n.holder]
	path, at := d.accumulation(n.holder, children)
	s := Suspect{
		Holder: h.Label, Path: path, Class: d.Holders[at].Class,
		RetainedBytes: h.RetainedBytes, Score: min(score, 1),
	}
	s.Reason = d.reason(h, &d.Holders[at], live)
	return s, true
}

// steadiness is 1 for growth that goes on to the end, and less the more of the
// steps did not grow and the more the last one has slowed down: a cache that
// fills grows at first and then less and less.
func steadiness(v []int64) float64 {
	steps := len(v) - 1
	rising := 0
	for i := range steps {
		if v[i+1] > v[i] {
			rising++
		}
	}
	last := float64(v[steps]-v[steps-1]) * float64(steps) / float64(v[steps]-v[0])
	return float64(rising) / float64(steps) * min(max(last, 0), 1)
}

// accumulation follows from holder i the children that have most of the growth,
// to the one of which there are ever more objects. It returns the way there, as
// fields and classes, and where it ends.
func (d *Delta) accumulation(i int, children [][]int) ([]string, int) {
	path := []string{d.Holders[i].Class}
	for {
		next := -1
		for _, c := range children[i] {
			if d.Holders[c].Static {
				continue
			}
			if next < 0 || d.weight(d.Holders[c].RetainedBytes) > d.weight(d.Holders[next].RetainedBytes) {
				next = c
			}
		}
		if next < 0 || float64(d.weight(d.Holders[next].RetainedBytes)) < accumulates*float64(d.weight(d.Holders[i].RetainedBytes)) {
			return path, i
		}
		h := &d.Holders[next]
		path = append(path, strings.TrimSpace(h.Label+" "+h.Class))
		i = next
		if d.multiplies(h) {
			return path, i
		}
	}
}

// multiplies tells whether growth means ever more objects of this kind.
func (d *Delta) multiplies(h *HolderDelta) bool {
	last := h.Objects[len(h.Objects)-1]
	if len(h.Objects) == 1 {
		return last > 1
	}
	return last > h.Objects[0] && last > 1
}

func (d *Delta) newest() *Snapshot { return d.Snapshots[len(d.Snapshots)-1] }

// reason words the evidence.
func (d *Delta) reason(h, at *HolderDelta, live float64) string {
	subject := h.Label
	if h.Static {
		subject = "static " + subject
	}
	last := len(h.RetainedBytes) - 1
	held := h.RetainedBytes[last]
	if last == 0 {
		return fmt.Sprintf("%s holds %s, %.0f %% of the live heap%s; one snapshot cannot tell whether it grows",
			subject, humanize.Bytes(held), 100*float64(held)/live, count(at, 0))
	}
	r := fmt.Sprintf("%s holds %s, %s since %s%s", subject, humanize.Bytes(held),
		humanize.Change(held-h.RetainedBytes[0]), shortName(d.Snapshots[0].Source), count(at, last))
	if t := NewTrend(h.RetainedBytes, d.times()); last > 1 {
		switch {
		case t.Rising():
			r += fmt.Sprintf("; growing in each of %d snapshots", last+1)
		default:
			r += fmt.Sprintf("; growing in %d of %d steps", t.Steps, last)
		}
	}
	return r
}

// count words how many objects accumulate, and how many more than at first.
func count(at *HolderDelta, last int) string {
	n := at.Objects[last]
	if n < 2 {
		return ""
	}
	s := fmt.Sprintf(", %s %s", humanize.Count(n), baseName(at.Class))
	if more := n - at.Objects[0]; last > 0 && more > 0 && more < n {
		s += fmt.Sprintf(" (%s more)", humanize.Count(more))
	}
	return s
}

// baseName is a class without its package.
func baseName(class string) string { return class[strings.LastIndexByte(class, '.')+1:] }

// shortName is a source without its directory.
func shortName(source string) string {
	return source[strings.LastIndexAny(source, `/\`)+1:]
}
