package report

import (
	"cmp"
	"slices"
	"strings"
)

// Order is what the commands of a table are ordered by. The zero value is by the
// time that clients waited for replies, in all.
type Order int

// The orders.
const (
	ByTime Order = iota
	ByRequests
	ByWait    // p99
	ByService // p99
	ByErrors
	ByName
)

var orderNames = []string{"time", "requests", "wait p99", "service p99", "errors", "name"}

func (o Order) String() string { return orderNames[o] }

// Next returns the order after o, in a circle.
func (o Order) Next() Order { return (o + 1) % Order(len(orderNames)) }

// sorted returns the commands in the order o, the most first.
func (o Order) sorted(commands []Command) []Command {
	return slices.SortedStableFunc(slices.Values(commands), func(a, b Command) int {
		switch o {
		case ByRequests:
			return cmp.Compare(b.Count, a.Count)
		case ByWait:
			return cmp.Compare(b.Phases.Wait.Quantile(.99), a.Phases.Wait.Quantile(.99))
		case ByService:
			return cmp.Compare(b.Phases.Service.Quantile(.99), a.Phases.Service.Quantile(.99))
		case ByErrors:
			return cmp.Compare(b.Errors, a.Errors)
		case ByName:
			return strings.Compare(a.Name, b.Name)
		}
		return cmp.Compare(b.time(), a.time())
	})
}
