package report

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// durationText is a duration in three significant digits and the unit that fits:
// 850 ns, 12.3 µs, 134 ms, 2.00 s.
func durationText(ns uint64) string {
	number, unit := scaled(ns, unitOf(ns))
	return number + " " + unit
}

// rangeText is from–to in one unit when one serves both: 134–268 ms.
func rangeText(from, to uint64) string {
	unit := unitOf(to)
	a, name := scaled(from, unit)
	b, _ := scaled(to, unit)
	switch {
	case a == b:
		return b + " " + name
	case float64(from) < .01*float64(to): // 0.00 ms would say less than 850 ns
		return durationText(from) + " to " + durationText(to)
	}
	return a + "–" + b + " " + name
}

var units = []struct {
	name string
	ns   float64
}{{"ns", 1}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}}

// unitOf chooses the unit in which three digits say ns.
func unitOf(ns uint64) int {
	for i := range units[:len(units)-1] {
		if float64(ns) < 999.5*units[i].ns {
			return i
		}
	}
	return len(units) - 1
}

func scaled(ns uint64, unit int) (number, name string) {
	v := float64(ns) / units[unit].ns
	digits := 0
	switch {
	case unit == 0:
	case v < 9.995:
		digits = 2
	case v < 99.95:
		digits = 1
	}
	return strconv.FormatFloat(v, 'f', digits, 64), units[unit].name
}

// countText groups the digits of n by commas.
func countText(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// rateText is a number of events a second.
func rateText(n uint64, seconds float64) string {
	if seconds <= 0 {
		return "-"
	}
	rate := float64(n) / seconds
	if rate < 10 {
		return fmt.Sprintf("%.1f", rate)
	}
	return countText(uint64(rate + .5))
}

// plural is n of a thing: 1 GET, 3 GETs.
func plural(n uint64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return countText(n) + " " + thing + "s"
}

// wrap breaks text at spaces into lines of at most width, the later ones begun
// with indent, the first one after so many columns that the caller has written. A
// word longer than that has a line of its own.
func wrap(text, indent string, width, written int) string {
	var b strings.Builder
	line := written
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case line+1+n > width:
			b.WriteString("\n" + indent)
			line = utf8.RuneCountInString(indent)
		default:
			b.WriteByte(' ')
			line++
		}
		b.WriteString(word)
		line += n
	}
	return b.String()
}
