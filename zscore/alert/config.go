package alert

import (
	"slices"
	"strings"
	"time"
)

// Config is who is told what, and when. The caller has checked that the receivers
// that it names are there.
type Config struct {
	// Routes are tried in order; the first whose matchers an incident meets is
	// its own. The last one usually has no matchers.
	Routes    []Route
	Receivers []Receiver
	Mutes     []Mute
	Inhibits  []Inhibit
}

// Route says whom incidents are told to, and together with which others.
type Route struct {
	Match     Matchers
	Receivers []string
	// GroupBy are the labels, "rule" and "severity" among them, that incidents in
	// one message have in common.
	GroupBy []string
	// GroupWait is how long a message waits for others of its group, and
	// GroupInterval the least time between two messages of a group.
	GroupWait, GroupInterval time.Duration
	// Repeat is after how long an open incident is told again; 0 is never.
	Repeat time.Duration
}

// Receiver says how a receiver wants to be told.
type Receiver struct {
	Name string
	// Fallback gets the messages that Name refuses for good; it may be empty.
	Fallback string
	// DigestOver is how many messages may wait before they become one; 0 is never.
	DigestOver int
	// MaxAge is how long an undelivered message is kept; 0 is for ever.
	MaxAge time.Duration
	// Resend tells open incidents again at this pace whatever the route says, for
	// receivers that forget them otherwise; 0 is not.
	Resend time.Duration
}

func (c *Config) route(i *Incident) *Route {
	for k := range c.Routes {
		if c.Routes[k].Match.Match(i.label) {
			return &c.Routes[k]
		}
	}
	return nil
}

func (c *Config) receiver(name string) Receiver {
	for _, r := range c.Receivers {
		if r.Name == name {
			return r
		}
	}
	return Receiver{Name: name}
}

func (c *Config) has(name string) bool {
	return slices.ContainsFunc(c.Receivers, func(r Receiver) bool { return r.Name == name })
}

// group names the group of an incident within a route and receiver.
func (r *Route) group(receiver string, i *Incident) string {
	parts := []string{receiver}
	for _, name := range r.GroupBy {
		parts = append(parts, i.label(name))
	}
	return strings.Join(parts, "\x00")
}
