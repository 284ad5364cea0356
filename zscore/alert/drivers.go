package alert

import (
	"cmp"
	"math"
	"slices"
)

// Deviation is how far one of several series is from what was expected of it.
type Deviation struct {
	// Label returns the value of one of the series' labels, "" if it has none.
	Label func(name string) string
	// Away is the value less what was expected, and Expected that.
	Away, Expected float64
}

const (
	// leastShare is the share of the deviation from which a label's value drives it,
	// and mostDrivers how many are named.
	leastShare  = 0.2
	mostDrivers = 3
	// leastLift is how many times its share of what was expected that must be: what
	// brings four fifths of the traffic brings four fifths of any change of it.
	leastLift = 1.25
)

// Drivers finds the values of these labels that make up a deviation upwards, or
// downwards, of series that belong together, the largest share first. A value
// drives it when its share of the deviation is large, and larger than its share of
// what was expected; see R. Bhagwan et al., Adtributor: Revenue Debugging in
// Advertising Systems, NSDI 2014, which calls the two explanatory power and
// surprise.
func Drivers(series []Deviation, labels []string, up bool) []Driver {
	var total, expected float64
	type sums struct{ away, expected float64 }
	by := make([]map[string]sums, len(labels))
	for k := range by {
		by[k] = map[string]sums{}
	}
	for _, s := range series {
		away := s.Away
		if !up {
			away = -away
		}
		away, usual := math.Max(away, 0), math.Abs(s.Expected)
		total, expected = total+away, expected+usual
		for k, name := range labels {
			value := s.Label(name)
			one := by[k][value]
			by[k][value] = sums{one.away + away, one.expected + usual}
		}
	}
	var out []Driver
	for k, name := range labels {
		for value, one := range by[k] {
			share := one.away / total
			lifted := share*expected >= leastLift*one.expected
			if value != "" && len(by[k]) > 1 && share >= leastShare && lifted {
				out = append(out, Driver{Label: name, Value: value, Share: share})
			}
		}
	}
	slices.SortFunc(out, func(x, y Driver) int {
		return cmp.Or(cmp.Compare(y.Share, x.Share), cmp.Compare(x.Label, y.Label), cmp.Compare(x.Value, y.Value))
	})
	return out[:min(len(out), mostDrivers)]
}
