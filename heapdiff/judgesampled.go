package heapdiff

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clewhq/clew/heapdiff/internal/humanize"
	"github.com/clewhq/clew/heapdiff/internal/sampled"
)

// judgeSampled names the suspects among the stacks of sampled profiles. The
// statistics, and what they rest on, are in package sampled.
func judgeSampled(d *Delta) {
	d.Findings = slices.Clone(d.Snapshots[len(d.Snapshots)-1].Findings)
	if len(d.Snapshots) == 1 {
		d.largestStacks()
		return
	}
	d.checkCycles()
	js := sampled.Judge(d.series(), d.times())
	total := 0.0
	for i := range js {
		if accused(js[i].Class) {
			total += js[i].GrowthLow
		}
	}
	for i := range js {
		c, j := &d.Classes[i], &js[i]
		switch j.Class {
		case sampled.Leaking, sampled.Growing:
			d.Suspects = append(d.Suspects, d.stackSuspect(c, j, total))
		case sampled.Slowing:
			d.note("slowing-growth", c, j, "grew, but slows down as a cache does that fills")
		case sampled.Thin:
			d.note(TooThin, c, j, "seems to grow, but too few of its objects were sampled to tell it from chance")
		case sampled.Steady:
		}
	}
	slices.SortFunc(d.Suspects, func(a, b Suspect) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), strings.Compare(a.Holder, b.Holder), slices.Compare(a.Path, b.Path))
	})
	d.memoryLimit()
	d.verdictSampled()
}

func accused(c sampled.Class) bool { return c == sampled.Leaking || c == sampled.Growing }

// series are the sampled objects of each class, in order.
func (d *Delta) series() []sampled.Series {
	counted := true
	for _, s := range d.Snapshots {
		counted = counted && s.Sampling != nil && s.Sampling.Allocations
	}
	deltas := counted && d.deltaProfiles()
	out := make([]sampled.Series, len(d.Classes))
	for i := range d.Classes {
		s := &out[i]
		for _, c := range d.Classes[i].At {
			var k Sample
			if c.Sample != nil {
				k = *c.Sample
			}
			s.InUse = append(s.InUse, k.InUse)
			if k.InUse > 0 {
				s.Bytes = float64(c.ShallowBytes) / float64(k.InUse)
			}
			if !counted {
				continue
			}
			if n := len(s.Allocated); deltas && n > 0 {
				k.Allocated += s.Allocated[n-1]
			}
			s.Allocated = append(s.Allocated, k.Allocated)
		}
	}
	return out
}

// deltaProfiles reports whether each profile counts only the allocations since
// the one before, as godeltaprof makes them: a count from the process's
// beginning never falls.
func (d *Delta) deltaProfiles() bool {
	last := int64(0)
	for _, s := range d.Snapshots {
		sum := int64(0)
		for i := range s.Classes {
			if k := s.Classes[i].Sample; k != nil {
				sum += k.Allocated
			}
		}
		if sum < last {
			return true
		}
		last = sum
	}
	return false
}

// checkCycles warns of profiles that show the same collection: the runtime
// publishes a profile when one completes.
func (d *Delta) checkCycles() {
	for i, s := range d.Snapshots[1:] {
		before := d.Snapshots[i]
		if s.Sampling == nil || before.Sampling == nil || s.Sampling.Runtime == nil || before.Sampling.Runtime == nil {
			continue
		}
		if s.Sampling.Runtime.NumGC == before.Sampling.Runtime.NumGC {
			d.Warnings = append(d.Warnings, fmt.Sprintf("%s and %s show the same garbage collection, number %d: what happened between them is in neither",
				before.Source, s.Source, s.Sampling.Runtime.NumGC))
		}
	}
}

func (d *Delta) stackSuspect(c *ClassDelta, j *sampled.Judgement, total float64) Suspect {
	share := 1.0
	if total > 0 {
		share = j.GrowthLow / total
	}
	score := 0.5 + 0.5*share
	if j.Class == sampled.Growing {
		score /= 2
	}
	s := stackHolder(c)
	s.Score = score
	for _, at := range c.At {
		s.RetainedBytes = append(s.RetainedBytes, at.ShallowBytes)
	}
	s.Reason = fmt.Sprintf("%s holds %s, %s (p = %.2g)", s.Holder, humanize.Bytes(s.RetainedBytes[len(s.RetainedBytes)-1]), interval(j), j.PValue)
	if n := len(d.Snapshots); j.Class == sampled.Leaking {
		s.Reason += fmt.Sprintf("; grew in %d of %d steps, to the end at %.0f %% of the pace it began with", c.Trend.Steps, n-1, 100*j.Share)
	} else {
		s.Reason += "; two profiles do not tell a leak from a cache that fills"
	}
	s.Reason += d.age(j)
	return s
}

// stackHolder names a stack by its innermost function outside of the standard
// library's containers, and by the way there.
func stackHolder(c *ClassDelta) Suspect {
	stack := c.stack()
	if len(stack) == 0 {
		return Suspect{Holder: c.Name, Class: c.Name}
	}
	holder := stack[0]
	for _, f := range stack {
		if !library(f) {
			holder = f
			break
		}
	}
	path := slices.Clone(stack)
	slices.Reverse(path)
	return Suspect{Holder: holder, Path: path, Class: stack[0]}
}

func (c *ClassDelta) stack() []string {
	for i := range c.At {
		if len(c.At[i].Stack) > 0 {
			return c.At[i].Stack
		}
	}
	return nil
}

// library reports whether a function is of Go's standard library: the first
// element of its import path has no dot, as no module's has that is downloaded.
func library(name string) bool {
	head, _, _ := strings.Cut(name, "[")
	first, _, nested := strings.Cut(head, "/")
	if nested {
		return !strings.Contains(first, ".")
	}
	pkg, _, _ := strings.Cut(first, ".")
	switch pkg {
	case "bytes", "bufio", "strings", "slices", "maps", "sync", "runtime", "fmt", "strconv", "io", "os", "reflect", "sort", "regexp", "time", "errors", "context", "unique":
		return true
	}
	return false
}

// interval words the growth with its bounds.
func interval(j *sampled.Judgement) string {
	return fmt.Sprintf("%s since the first profile, with 95 %% confidence %s to %s",
		humanize.Change(int64(j.Growth)), humanize.Change(int64(j.GrowthLow)), humanize.Change(int64(j.GrowthHigh)))
}

// age words how long an object lives on average.
func (d *Delta) age(j *sampled.Judgement) string {
	if j.Age <= 0 || !ordered(d.times()) {
		return ""
	}
	age := time.Duration(j.Age * float64(time.Second))
	unit := time.Millisecond
	switch {
	case age > 10*time.Second:
		unit = time.Second
	case age > time.Second:
		unit = 100 * time.Millisecond
	}
	return fmt.Sprintf("; an object is %s old on average", age.Round(unit))
}

// TooThin is the kind of a finding about a stack of which too few objects were
// sampled to tell growth from chance.
const TooThin = "too-thin-to-judge"

// maxNotes bounds how many stacks are listed that are not accused.
const maxNotes = 10

func (d *Delta) note(kind string, c *ClassDelta, j *sampled.Judgement, what string) {
	last := &c.At[len(c.At)-1]
	s := stackHolder(c)
	n := 0
	for _, f := range d.Findings {
		if f.Kind == kind {
			n++
		}
	}
	if n >= maxNotes { // classes come by growth, the largest first
		return
	}
	d.Findings = append(d.Findings, Finding{
		Kind: kind, Subject: s.Holder, Count: last.Instances, Bytes: last.ShallowBytes,
		Text: fmt.Sprintf("%s %s: %s%s", s.Holder, what, interval(j), d.age(j)),
	})
}

// largestStacks suspects what holds much, when there is nothing to compare with.
func (d *Delta) largestStacks() {
	s := d.Snapshots[0]
	for i := range d.Classes {
		c := &d.Classes[i]
		bytes := c.At[0].ShallowBytes
		if s.Bytes <= 0 || float64(bytes) < minStackShare*float64(s.Bytes) {
			continue
		}
		sus := stackHolder(c)
		sus.RetainedBytes, sus.Score = []int64{bytes}, float64(bytes)/float64(s.Bytes)
		sus.Reason = fmt.Sprintf("%s holds %s, %.0f %% of the heap; one profile cannot tell whether it grows",
			sus.Holder, humanize.Bytes(bytes), 100*sus.Score)
		d.Suspects = append(d.Suspects, sus)
	}
	slices.SortStableFunc(d.Suspects, func(a, b Suspect) int { return cmp.Compare(b.Score, a.Score) })
	d.Verdict = "No single stack stands out."
	if len(d.Suspects) > 0 {
		d.Verdict = fmt.Sprintf("Largest stack: %s.", d.Suspects[0].Reason)
	}
}

// minStackShare is the part of the heap from which on a stack is worth telling
// of when there is one profile.
const minStackShare = 0.10

func (d *Delta) verdictSampled() {
	switch {
	case len(d.Suspects) > 0:
		d.Verdict = fmt.Sprintf("First suspect of %d: %s.", len(d.Suspects), d.Suspects[0].Reason)
	case len(d.Snapshots) == 2:
		d.Verdict = "No stack grew beyond chance."
	default:
		d.Verdict = "No stack grew steadily beyond chance: nothing here looks like a leak."
	}
	d.Verdict += d.whatIsLeft()
	if len(d.Snapshots) == 2 {
		d.Verdict += " Two profiles show a change, not a trend: take five or more."
	}
}
