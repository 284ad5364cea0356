package alert

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Labels are what tells the series of a rule apart.
type Labels map[string]string

// String writes the labels as Prometheus does, in the order of their names.
func (l Labels) String() string {
	var b strings.Builder
	b.WriteByte('{')
	for i, name := range l.Names() {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(name)
		b.WriteByte('=')
		b.WriteString(strconv.Quote(l[name]))
	}
	b.WriteByte('}')
	return b.String()
}

// Names are the names in order.
func (l Labels) Names() []string {
	names := make([]string, 0, len(l))
	for name := range l {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Number is a value that may be missing: NaN and infinities are null in JSON.
type Number float64

// MarshalJSON implements [json.Marshaler].
func (n Number) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(n)) || math.IsInf(float64(n), 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// UnmarshalJSON implements [json.Unmarshaler].
func (n *Number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = Number(math.NaN())
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}

// Known reports whether there is a number.
func (n Number) Known() bool { return !math.IsNaN(float64(n)) && !math.IsInf(float64(n), 0) }

// String writes four digits that mean something, without an exponent where people
// use none, and "none" where there is no number.
func (n Number) String() string {
	x := float64(n)
	switch {
	case !n.Known():
		return "none"
	case math.Abs(x) >= 1000 && math.Abs(x) < 1e15:
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', 4, 64)
}

// Link leads from a message to where more is to be seen.
type Link struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

// Driver is a label's value and its share of what is unusual.
type Driver struct {
	Label string  `json:"label"`
	Value string  `json:"value"`
	Share float64 `json:"share"` // of the whole deviation, 0 to 1
}

// Incident is an alert with its history: it begins when a rule fires for a series
// and ends when that is over.
type Incident struct {
	// ID is short enough to be read out on the telephone. It is in every message
	// about the incident.
	ID       string `json:"id"`
	Rule     string `json:"rule"`
	Series   string `json:"series"` // name and labels; with Rule, what the incident is about
	Labels   Labels `json:"labels,omitempty"`
	Severity string `json:"severity,omitempty"`
	// Direction is "up", "down" or "absent".
	Direction string    `json:"direction"`
	Start     time.Time `json:"start"` // of the first unusual point
	Fired     time.Time `json:"fired"`
	Ended     time.Time `json:"ended,omitzero"`

	// Value, Expected and Z are of the point at which it fired, PeakZ is the
	// largest z seen.
	Value    Number `json:"value"`
	Expected Number `json:"expected"`
	Z        Number `json:"z"`
	PeakZ    Number `json:"peak_z"`
	Reason   string `json:"reason"`
	// Recent are the last values before it fired, the oldest first.
	Recent []Number `json:"recent,omitempty"`
	// Low and High are where each of them was expected, and Step the time between
	// two; none of the three where it is not known.
	Low     []Number      `json:"low,omitempty"`
	High    []Number      `json:"high,omitempty"`
	Step    time.Duration `json:"step,omitempty"`
	Drivers []Driver      `json:"drivers,omitempty"`
	Links   []Link        `json:"links,omitempty"`

	// Told is when a message about it was last put into the outbox; a resolve is
	// owed to those who were told. Zero while it is held.
	Told time.Time `json:"told,omitzero"`
	// Held says what keeps it quiet: a silence, a mute, another incident.
	Held string `json:"held,omitempty"`
	// Over says why it ended, where it did not by itself.
	Over string `json:"over,omitempty"`
}

// Open reports whether the incident goes on.
func (i *Incident) Open() bool { return i.Ended.IsZero() }

// key is what an incident is about: there is at most one open incident of a key.
func key(rule, series string) string { return rule + "\x00" + series }

// Kind is what a notice says of an incident.
type Kind string

// The kinds that there are.
const (
	Firing   Kind = "firing"
	Resolved Kind = "resolved"
	Still    Kind = "still" // told again, because it goes on
	Note     Kind = "note"  // of the daemon itself: a heartbeat, a test
)

// Notice is one thing to say.
type Notice struct {
	Kind Kind      `json:"kind"`
	At   time.Time `json:"at"`
	// Incident is as it was when this was to be said.
	Incident Incident `json:"incident,omitzero"`
	Text     string   `json:"text,omitempty"` // of a Note
}
