package report

import (
	"cmp"
	"fmt"
	"net"
	"slices"
)

// Grouped returns the charges as a reader wants them, the most waiting first: of
// the same command and trace, those of one host are one, whatever the ports of its
// connections. A client is then named as "10.0.0.7 (5 connections)".
func Grouped(blame []Blame) []Blame {
	type key struct {
		cause                         Cause
		by, detail, host, trace, span string
	}
	clients := map[key]map[string]bool{}
	keyOf := func(b *Blame) key { return key{b.Cause, b.By, b.Detail, hostOf(b.Client), b.TraceID, b.SpanID} }
	out := sums(nil, blame, keyOf, func(b, more *Blame) {
		k := keyOf(more)
		if clients[k] == nil {
			clients[k] = map[string]bool{}
		}
		clients[k][more.Client] = true
		b.merge(more)
		if n := len(clients[k]); n > 1 {
			b.Client = fmt.Sprintf("%s (%d connections)", k.host, n)
		}
	})
	slices.SortStableFunc(out, func(a, b Blame) int { return cmp.Compare(b.WaitNS, a.WaitNS) })
	return out
}

// hostOf is an address without its port.
func hostOf(client string) string {
	host, _, err := net.SplitHostPort(client)
	if err != nil {
		return client
	}
	return host
}
