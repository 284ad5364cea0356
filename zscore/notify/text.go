package notify

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"

	"github.com/clewhq/clew/zscore/alert"
)

// Style is how messages are written.
type Style struct {
	Zone *time.Location // of the times; nil is UTC
	// Page is the URL of the daemon's own page as readers reach it; "" for none.
	Page string
}

func (s Style) clock(t time.Time) string {
	zone := s.Zone
	if zone == nil {
		zone = time.UTC
	}
	return t.In(zone).Format("Jan 2 15:04:05 MST")
}

// clean makes one line of at most n characters out of anything.
func clean(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)
	return cut(s, n)
}

// cut shortens s to n UTF-16 units, which is how Slack counts: most emoji are two.
func cut(s string, n int) string {
	if width(s) <= n {
		return s
	}
	room, out := n-1, strings.Builder{}
	for _, r := range s {
		if room -= runeWidth(r); room < 0 {
			break
		}
		out.WriteRune(r)
	}
	return out.String() + "…"
}

func width(s string) (n int) {
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

func runeWidth(r rune) int {
	if r > math.MaxUint16 {
		return 2
	}
	return 1
}

// what says what a notice is about in half a sentence.
func what(n alert.Notice) string {
	i := n.Incident
	switch n.Kind {
	case alert.Note:
		return n.Text
	case alert.Resolved:
		over := "is back to normal"
		if i.Over != "" {
			over = "is over (" + i.Over + ")"
		}
		return fmt.Sprintf("%s %s after %s", i.Rule, over, lasted(i.Ended.Sub(i.Start)))
	case alert.Still:
		return fmt.Sprintf("%s is still %s, for %s", i.Rule, i.Direction, lasted(n.At.Sub(i.Start)))
	}
	if i.Direction == "absent" {
		return i.Rule + " is absent"
	}
	return fmt.Sprintf("%s is %s", i.Rule, i.Direction)
}

// figures says by how much.
func figures(i alert.Incident) string {
	if i.Direction == "absent" || !i.Value.Known() || !i.Expected.Known() {
		return i.Reason
	}
	return fmt.Sprintf("%s where %s was expected (z %s)", i.Value, i.Expected, signed(i.Z))
}

// tellZ is the z from which on the figure says no more than that the series hardly moved before.
const tellZ = 1000

func signed(z alert.Number) string {
	switch {
	case !z.Known():
		return "unknown"
	case z >= tellZ:
		return fmt.Sprintf("+%d or more", tellZ)
	case z <= -tellZ:
		return fmt.Sprintf("-%d or less", tellZ)
	}
	return fmt.Sprintf("%+.1f", float64(z))
}

// lasted writes a duration without the zeros of Duration.String.
func lasted(d time.Duration) string {
	d = d.Round(time.Second)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%.1f days", d.Hours()/24)
}

// mark is the sign of a kind.
func mark(k alert.Kind) string {
	switch k {
	case alert.Firing:
		return "🔴"
	case alert.Resolved:
		return "✅"
	case alert.Still:
		return "🟠"
	}
	return "ℹ️"
}

// repeatMark is how a message says that its reader may have seen it.
const repeatMark = "may be a repeat"

// marks are what the reader should know about the message itself.
func marks(b alert.Batch) []string {
	out := []string{fmt.Sprintf("message %d", b.Seq())}
	if b.MayRepeat() {
		out = append(out, "↻ "+repeatMark+": an earlier attempt was cut off")
	}
	if from := b.FellFrom(); len(from) > 0 {
		out = append(out, "refused by "+strings.Join(from, ", "))
	}
	return out
}

// bars are the heights of a sparkline.
const bars = "▁▂▃▄▅▆▇█"

// Sparkline draws values in bars of a line of text, the oldest first; a missing one
// is a blank.
func Sparkline(values []alert.Number) string {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if v.Known() {
			lo, hi = math.Min(lo, float64(v)), math.Max(hi, float64(v))
		}
	}
	heights := []rune(bars)
	var b strings.Builder
	for _, v := range values {
		switch {
		case !v.Known():
			b.WriteRune(' ')
		case hi == lo:
			b.WriteRune(heights[0])
		default:
			// Halved first: the distance of two huge values is no number.
			share := (float64(v)/2 - lo/2) / (hi/2 - lo/2)
			b.WriteRune(heights[min(int(share*float64(len(heights))), len(heights)-1)])
		}
	}
	return b.String()
}

// drivers says which label values make up what is unusual.
func drivers(ds []alert.Driver) string {
	parts := make([]string, len(ds))
	for k, d := range ds {
		parts[k] = fmt.Sprintf("%s=%s %.0f %%", d.Label, d.Value, 100*d.Share)
	}
	return strings.Join(parts, ", ")
}
