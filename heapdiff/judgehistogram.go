package heapdiff

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/clewhq/clew/heapdiff/internal/humanize"
)

// platform reports whether a class is of the JDK or an array of primitives: it
// grows with the program's own classes that hold it, and says less than they do.
func platform(class string) bool {
	element := strings.TrimRight(class, "[]")
	if !strings.Contains(element, ".") && element != class {
		return true
	}
	for _, p := range []string{"java.", "javax.", "jdk.", "sun.", "com.sun."} {
		if strings.HasPrefix(element, p) {
			return true
		}
	}
	return false
}

// judgeHistogram suspects classes that grow. A histogram has no references, so
// that a class is named and not who holds it, and what is garbage counts too.
func judgeHistogram(d *Delta) {
	if len(d.Snapshots) == 1 {
		d.Verdict = "One histogram cannot tell what grows; take another one later."
		return
	}
	var total int64
	for i := range d.Classes {
		total += max(0, d.Classes[i].Growth())
	}
	for i := range d.Classes {
		c := &d.Classes[i]
		grown := c.Growth()
		if grown < minGrowth || float64(grown) < minGrowthShare*float64(d.newest().Bytes) {
			continue
		}
		score := (0.3 + 0.7*float64(grown)/float64(total)) * steadiness(c.Trend.Values)
		if score < minScore {
			continue
		}
		if platform(c.Name) {
			score /= 2
		}
		last := c.At[len(c.At)-1]
		d.Suspects = append(d.Suspects, Suspect{
			Holder: c.Name, Class: c.Name, RetainedBytes: slices.Clone(c.Trend.Values), Score: min(score, 1),
			Reason: fmt.Sprintf("%s %s take up %s, %s since %s, having grown in %d of %d steps",
				humanize.Count(last.Instances), c.Name, humanize.Bytes(last.ShallowBytes), humanize.Change(grown),
				shortName(d.Snapshots[0].Source), c.Trend.Steps, len(c.At)-1),
		})
	}
	slices.SortStableFunc(d.Suspects, func(a, b Suspect) int { return cmp.Compare(b.Score, a.Score) })
	d.Suspects = d.Suspects[:min(len(d.Suspects), maxSuspects)]
	d.Verdict = "No class grew steadily: nothing here looks like a leak."
	if len(d.Suspects) > 0 {
		d.Verdict = fmt.Sprintf("First suspect of %d: %s. A histogram does not tell who holds them, a heap dump does.",
			len(d.Suspects), d.Suspects[0].Reason)
	}
}
