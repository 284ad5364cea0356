package goproc

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Request is the goroutines that carry one trace id, or one value of another
// label.
type Request struct {
	ID         string
	Goroutines []*Goroutine // by ID
	// AtLeast is how long the request has been known to last. A goroutine's
	// labels are set by itself, so that one which has been blocked for a minute
	// has had them for a minute. 0 means unknown.
	AtLeast time.Duration
	// Ended says that the span of each of its goroutines has ended: what is left
	// of the request has outlived it.
	Ended     bool
	Unsampled bool // it is not being recorded
}

// Requests groups the goroutines by trace id, or by the label key if that is not
// [TraceKey]. Those that go on come first, of these the ones known to last
// longest. rest are the goroutines without one, in order; those of the runtime
// itself are in neither.
func (s *Snapshot) Requests(key string) (rs []Request, rest []*Goroutine) {
	index := map[string]int{}
	for i := range s.Goroutines {
		g := &s.Goroutines[i]
		id := g.Trace.TraceID
		if key != TraceKey {
			id, _ = g.Label(key)
		}
		switch {
		case id != "":
			at, ok := index[id]
			if !ok {
				at = len(rs)
				index[id] = at
				rs = append(rs, Request{ID: id, Ended: true})
			}
			rs[at].add(g)
		case !g.System:
			rest = append(rest, g)
		}
	}
	sortRequests(rs)
	return rs, rest
}

func (r *Request) add(g *Goroutine) {
	r.Goroutines = append(r.Goroutines, g)
	r.AtLeast = max(r.AtLeast, g.Waiting)
	r.Ended = r.Ended && g.Trace.Ended
	r.Unsampled = r.Unsampled || g.Trace.Unsampled
}

func sortRequests(rs []Request) {
	slices.SortStableFunc(rs, func(a, b Request) int {
		if a.Ended != b.Ended {
			if a.Ended {
				return 1
			}
			return -1
		}
		return cmp.Or(cmp.Compare(b.AtLeast, a.AtLeast), cmp.Compare(a.Goroutines[0].ID, b.Goroutines[0].ID))
	})
}

// Sightings remembers when each request was first seen, over several snapshots
// of one process. The zero value is ready. It is not for concurrent use.
type Sightings struct {
	first map[string]time.Time
}

// Age raises AtLeast of requests that earlier snapshots had as well, and sorts
// them anew. taken is the time of the snapshot. Requests that are no longer there
// are forgotten.
func (a *Sightings) Age(taken time.Time, rs []Request) {
	first := make(map[string]time.Time, len(rs))
	for i := range rs {
		at, ok := a.first[rs[i].ID]
		if !ok {
			at = taken
		}
		first[rs[i].ID] = at
		rs[i].AtLeast = max(rs[i].AtLeast, taken.Sub(at))
	}
	a.first = first
	sortRequests(rs)
}

// Place is goroutines that are in one state on one stack.
type Place struct {
	Goroutines []*Goroutine
	Waiting    time.Duration // the longest known
}

// Places groups goroutines by where they are, the largest group first.
func Places(gs []*Goroutine) []Place {
	type key struct {
		reason, start string
		innermost     *Frame // equal stacks of a snapshot are shared
		depth         int
	}
	index := map[key]int{}
	var ps []Place
	for _, g := range gs {
		k := key{reason: g.Reason(), start: g.Start.Func, depth: len(g.Stack)}
		if k.depth > 0 {
			k.innermost = &g.Stack[0]
		}
		at, ok := index[k]
		if !ok {
			at = len(ps)
			index[k] = at
			ps = append(ps, Place{})
		}
		ps[at].Goroutines = append(ps[at].Goroutines, g)
		ps[at].Waiting = max(ps[at].Waiting, g.Waiting)
	}
	slices.SortStableFunc(ps, func(a, b Place) int { return cmp.Compare(len(b.Goroutines), len(a.Goroutines)) })
	return ps
}

// UserFrame returns the frame that says most to the program's author: the
// innermost one of the program's own module, else of one of its dependencies,
// else the innermost one of the standard library that is not of the runtime's
// machinery. A goroutine without a stack has the function it was started with.
func (p *Program) UserFrame(g *Goroutine) Frame {
	if len(g.Stack) == 0 {
		return g.Start
	}
	best, rank := g.Stack[len(g.Stack)-1], 0
	for _, f := range g.Stack {
		if r := p.rank(f.Func); r > rank {
			best, rank = f, r
		}
	}
	return best
}

func (p *Program) rank(name string) int {
	pkg := packageOf(name)
	if pkg == "main" {
		return 3
	}
	for i, m := range p.Modules {
		if rest, ok := strings.CutPrefix(pkg, m); ok && (rest == "" || rest[0] == '/') {
			if i == 0 {
				return 3
			}
			return 2
		}
	}
	if pkg == "" || pkg == "runtime" || strings.HasPrefix(pkg, "internal/") || strings.HasPrefix(pkg, "runtime/") {
		return 0
	}
	return 1
}

// packageOf returns the import path in a function's name. The linker writes a
// dot in a path's last element as %2e.
func packageOf(name string) string {
	slash := strings.LastIndexByte(name[:typeArgs(name)], '/')
	dot := strings.IndexByte(name[slash+1:], '.')
	if dot < 0 {
		return ""
	}
	return strings.ReplaceAll(name[:slash+1+dot], "%2e", ".")
}

// typeArgs returns where the type arguments of a name begin: they have paths of
// their own.
func typeArgs(name string) int {
	if i := strings.IndexByte(name, '['); i >= 0 {
		return i
	}
	return len(name)
}
