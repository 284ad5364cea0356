package report

import (
	"strings"
	"sync"
)

// Other is the name that requests go under whose own is not kept.
const Other = "OTHER"

// maxNames is how many names of commands one exporter makes labels of. Redis has
// some 240 commands, of which a service uses a few dozen.
const maxNames = 200

// Names bounds the labels of an exporter: names come from the network, and each
// new one is a new time series. The first 200 that look like a command's are kept
// for good, so that no series comes and goes; what else comes is [Other]. The zero
// value knows none yet. It is safe for concurrent use.
type Names struct {
	mu    sync.Mutex
	known map[string]bool
}

// Label returns the name that requests called name are counted under.
func (n *Names) Label(name string) string {
	if name == "" || len(name) > 32 || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-|") != "" {
		return Other
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.known[name] {
		return name
	}
	if len(n.known) >= maxNames {
		return Other
	}
	if n.known == nil {
		n.known = map[string]bool{}
	}
	n.known[name] = true
	return name
}

// Commands returns the commands under their labels; those that share one are
// summed. The result shares no memory with the argument.
func (n *Names) Commands(commands []Command) []Command {
	return sums(nil, commands, func(c *Command) string { return n.Label(c.Name) }, func(c, more *Command) {
		label := n.Label(more.Name)
		c.merge(more)
		c.Name = label
	})
}

// BlamedLabel is a cause and the command, under its label, that was it.
type BlamedLabel struct {
	Cause Cause
	By    string
}

// Blame returns the charges, summed over clients and details.
func (n *Names) Blame(blame []Blame) map[BlamedLabel]Blame {
	out := map[BlamedLabel]Blame{}
	for i := range blame {
		b := &blame[i]
		label := BlamedLabel{Cause: b.Cause, By: string(b.Cause)}
		if b.Cause == CauseCommand {
			label.By = n.Label(b.By)
		}
		sum := out[label]
		sum.Waited += b.Waited
		sum.WaitNS += b.WaitNS
		sum.HeldNS += b.HeldNS
		sum.Times += b.Times
		out[label] = sum
	}
	return out
}

// The powers of two, in nanoseconds, at which exported histograms have their
// bounds: from 2 µs to 17 s.
const (
	exportFrom = 11
	exportTo   = 34
)

// Powers returns, for each power of two from 2 µs to 17 s, the bound in
// nanoseconds and the number of values below it. The bounds are edges of buckets,
// so the counts are exact.
func (d *Durations) Powers() (bounds, below []uint64) {
	var seen uint64
	i := 0
	for e := exportFrom; e <= exportTo; e++ {
		edge := BucketOf(1 << e)
		for ; i < edge && i < len(d.Counts); i++ {
			seen += d.Counts[i]
		}
		bounds, below = append(bounds, 1<<e), append(below, seen)
	}
	return bounds, below
}
