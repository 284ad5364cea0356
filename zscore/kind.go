package zscore

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kind is what the values of a series are. It sets the scale that deviations are
// measured on and the directions that count.
type Kind uint8

// The kinds that there are.
const (
	KindGauge   Kind = iota // a size or a level, judged by difference, both ways
	KindRate                // so many a second, judged by ratio, both ways
	KindCounter             // counts up; its rate is judged like a KindRate
	KindLatency             // a time, judged by ratio, only upwards
	KindErrors              // failures a second or a share of them, likewise
)

var kindNames = [...]string{"gauge", "rate", "counter", "latency", "errors"}

// String names the kind in the word that [ParseKind] reads.
func (k Kind) String() string { return kindNames[k] }

// ParseKind reads gauge, rate, counter, latency or errors.
func ParseKind(s string) (Kind, error) {
	if i := slices.Index(kindNames[:], s); i >= 0 {
		return Kind(i), nil
	}
	return 0, fmt.Errorf("kind %q: want one of %s", s, strings.Join(kindNames[:], ", "))
}

// Scale is how deviations of this kind are measured.
func (k Kind) Scale() Scale {
	if k == KindGauge {
		return Linear
	}
	return Log
}

// Rule is [DefaultRule] with the directions that count for this kind.
func (k Kind) Rule() Rule {
	r := DefaultRule()
	r.Down = k != KindLatency && k != KindErrors
	return r
}

// DetectorNames are the names that [NewDetector] knows, the default first.
var DetectorNames = []string{"auto", "season", "ensemble", "zscore", "ewma", "mad"}

// NewDetector returns a new detector by its name, one of [DetectorNames], for a
// series of this kind whose points come at this interval; "" is auto. The plain
// ones zscore, ewma and mad look back over an hour.
func NewDetector(name string, schedule *Schedule, kind Kind, interval time.Duration) (Detector, error) {
	if interval <= 0 {
		return nil, fmt.Errorf("an interval of %v between points: it is more than 0", interval)
	}
	hour := max(minPoints, int(time.Hour/interval))
	switch name {
	case "auto", "":
		return NewAuto(schedule, kind.Scale()), nil
	case "season":
		return NewSeason(schedule, kind.Scale()), nil
	case "ensemble":
		return NewEnsemble(), nil
	case "zscore":
		return NewRolling(hour)
	case "ewma":
		return NewEWMA(float64(hour) / 2)
	case "mad":
		return NewMAD(hour)
	}
	return nil, fmt.Errorf("detector %q: want one of %s", name, strings.Join(DetectorNames, ", "))
}
