package heapdiff

import (
	"fmt"

	"github.com/clewhq/clew/heapdiff/internal/humanize"
)

// compareFindings takes over the findings of the newest snapshot, with what
// changed since the oldest, and adds class loaders that multiply.
func (d *Delta) compareFindings() {
	first, last := d.Snapshots[0], d.newest()
	for _, f := range last.Findings {
		if first != last {
			f.Text += since(f, first)
		}
		d.Findings = append(d.Findings, f)
	}
	if first == last {
		return
	}
	before := map[string]Loader{}
	for _, l := range first.Loaders {
		before[l.Class] = l
	}
	for _, l := range last.Loaders {
		if more := l.Instances - before[l.Class].Instances; more >= minLoaders {
			d.Findings = append(d.Findings, Finding{
				Kind: "class-loaders", Subject: l.Class, Count: l.Instances, Bytes: l.RetainedBytes,
				Text: fmt.Sprintf("%s class loaders of class %s, %s more than in %s, retain %s",
					humanize.Count(l.Instances), l.Class, humanize.Count(more), shortName(first.Source), humanize.Bytes(l.RetainedBytes)),
			})
		}
	}
}

// minLoaders is how many loaders of one class more are told: an application
// starts with some.
const minLoaders = 3

func since(f Finding, first *Snapshot) string {
	for _, old := range first.Findings {
		if old.Kind == f.Kind && old.Subject == f.Subject {
			return fmt.Sprintf("; %s since %s", humanize.Change(f.Bytes-old.Bytes), shortName(first.Source))
		}
	}
	return "; less than is worth telling in " + shortName(first.Source)
}

// verdictJVM words the answer.
func (d *Delta) verdictJVM(reached bool) {
	switch {
	case !reached:
		d.Verdict = "The references were not read, so nothing is said about holders; without --shallow they are."
	case len(d.Suspects) > 0 && len(d.Snapshots) == 1:
		d.Verdict = fmt.Sprintf("Largest holder: %s.", d.Suspects[0].Reason)
	case len(d.Suspects) > 0:
		d.Verdict = fmt.Sprintf("First suspect of %d: %s.", len(d.Suspects), d.Suspects[0].Reason)
	case len(d.Snapshots) == 1:
		d.Verdict = "No single holder stands out."
	default:
		d.Verdict = "No holder grew steadily: nothing here looks like a leak."
	}
	if s := d.newest(); s.Generations != GenerationsUnknown && s.Reached {
		o := d.oldBytes(len(d.Snapshots) - 1)
		text := fmt.Sprintf(" The old generation holds %s live and %s garbage", humanize.Bytes(o.LiveBytes), humanize.Bytes(o.DeadBytes))
		if first := d.Snapshots[0]; first != s && first.Generations != GenerationsUnknown && first.Reached {
			was := d.oldBytes(0)
			text += fmt.Sprintf(" (%s and %s)", humanize.Change(o.LiveBytes-was.LiveBytes), humanize.Change(o.DeadBytes-was.DeadBytes))
		}
		d.Verdict += text + "."
	}
	if len(d.Snapshots) == 2 && len(d.Suspects) > 0 {
		d.Verdict += " Two snapshots show a change, not a trend; a third one tells a leak from a cache that fills."
	}
}

// oldBytes sums the old generation of snapshot i.
func (d *Delta) oldBytes(i int) (sum Population) {
	for _, c := range d.Snapshots[i].Classes {
		if c.Old != nil {
			sum.Live += c.Old.Live
			sum.Dead += c.Old.Dead
			sum.Unsorted += c.Old.Unsorted
			sum.LiveBytes += c.Old.LiveBytes
			sum.DeadBytes += c.Old.DeadBytes
			sum.UnsortedBytes += c.Old.UnsortedBytes
		}
	}
	return sum
}
