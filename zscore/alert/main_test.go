package alert

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a store that keeps what a disk would: bytes.
type memory struct {
	incidents, silences, holds map[string][]byte
	outbox                     map[uint64][]byte
	nextSeq                    uint64
	commits                    int
	full                       bool
}

var errFull = errors.New("no space left on device")

func newMemory() *memory {
	return &memory{map[string][]byte{}, map[string][]byte{}, map[string][]byte{}, map[uint64][]byte{}, 0, 0, false}
}

func (m *memory) Commit(c Change) error {
	if m.full {
		return errFull
	}
	m.commits++
	m.nextSeq = c.NextSeq
	keep(m.incidents, c.Incidents)
	keep(m.silences, c.Silences)
	keep(m.holds, c.Holds)
	keep(m.outbox, c.Outbox)
	return nil
}

func keep[K comparable, V any](to map[K][]byte, from map[K]*V) {
	for k, v := range from {
		if v == nil {
			delete(to, k)
			continue
		}
		raw, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		to[k] = raw
	}
}

func (m *memory) Load() (State, error) {
	s := State{Holds: map[string]Hold{}, NextSeq: m.nextSeq}
	for _, i := range restore[string, Incident](m.incidents) {
		s.Incidents = append(s.Incidents, i)
	}
	for _, q := range restore[string, Silence](m.silences) {
		s.Silences = append(s.Silences, q)
	}
	for _, e := range restore[uint64, Entry](m.outbox) {
		s.Outbox = append(s.Outbox, e)
	}
	for k, h := range restore[string, Hold](m.holds) {
		s.Holds[k] = *h
	}
	return s, nil
}

func restore[K comparable, V any](from map[K][]byte) map[K]*V {
	out := map[K]*V{}
	for k, raw := range from {
		out[k] = new(V)
		if err := json.Unmarshal(raw, out[k]); err != nil {
			panic(err)
		}
	}
	return out
}

// t0 is a Tuesday.
var t0 = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

func plainConfig() Config {
	return Config{
		Routes: []Route{{Receivers: []string{"slack"}, GroupBy: []string{"rule"}, GroupWait: 5 * time.Second}},
		Receivers: []Receiver{
			{Name: "slack", Fallback: "file", DigestOver: 5, MaxAge: 24 * time.Hour},
			{Name: "file"},
		},
	}
}

func open(t *testing.T, m *memory, c Config) *Book {
	t.Helper()
	b, err := Open(m, c, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func fire(rule, series string) Event {
	return Event{Kind: Firing, At: t0, Incident: Incident{
		Rule: rule, Series: series, Labels: Labels{"instance": series}, Direction: "up", Start: t0,
		Value: 9, Expected: 3, Z: 7, PeakZ: 7, Severity: "page",
	}}
}

func resolve(series string) Event {
	return Event{Kind: Resolved, At: t0.Add(time.Minute), Incident: Incident{Rule: "rps", Series: series, PeakZ: 8}}
}

// claim claims and fails the test when there is nothing.
func claim(t *testing.T, b *Book, receiver string, now time.Time) Batch {
	t.Helper()
	batch, next, ok := b.Claim(receiver, now)
	if !ok {
		t.Fatalf("nothing to send to %s at %v; next at %v", receiver, now, next)
	}
	return batch
}

// said are kinds and series of a batch.
func said(batch Batch) []string {
	var out []string
	for _, n := range batch.Notices() {
		out = append(out, string(n.Kind)+" "+n.Incident.Series)
	}
	return out
}
