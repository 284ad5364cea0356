package jvm

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/clewhq/clew/heapdiff/internal/hprof"
)

// Path is a way from a root to objects.
type Path struct {
	Steps    []string // the root first: "static leak.Big.LEAK", then "field (class)"
	Objects  int64    // how many of the objects looked at are held this way
	Retained int64    // by those objects
}

// pathObjects is of how many objects of a class the paths are looked for: the
// largest.
const pathObjects = 200

// paths fills the result's Paths.
func (a *analysis) paths() error {
	targets := a.pathTargets()
	if len(targets) == 0 {
		return fmt.Errorf("no live object of the class %s; is the name as in heapdiff top?", a.PathsTo)
	}
	by := map[string]*Path{}
	for _, v := range targets {
		steps, err := a.steps(a.chain(v, nil), v)
		if err != nil {
			return err
		}
		key := strings.Join(steps, "\x00")
		p := by[key]
		if p == nil {
			p = &Path{Steps: steps}
			by[key] = p
		}
		p.Objects++
		p.Retained += int64(a.ret[v])
	}
	for _, p := range by {
		a.out.Paths = append(a.out.Paths, *p)
	}
	slices.SortFunc(a.out.Paths, func(x, y Path) int {
		if x.Retained != y.Retained {
			return int(min(max(y.Retained-x.Retained, -1), 1))
		}
		return slices.Compare(x.Steps, y.Steps)
	})
	if a.MaxPaths > 0 && len(a.out.Paths) > a.MaxPaths {
		a.out.Paths = a.out.Paths[:a.MaxPaths]
	}
	return nil
}

// pathTargets are the numbers of the objects asked for, largest first.
func (a *analysis) pathTargets() []uint32 {
	if id, err := strconv.ParseUint(a.PathsTo, 0, 64); err == nil {
		if v := a.numberOf(id); v != 0 {
			return []uint32{v}
		}
		return nil
	}
	match := make([]bool, len(a.shapes.list))
	for i, s := range a.shapes.list {
		match[i] = a.classOf(s.class) == a.PathsTo
	}
	return a.largest(pathObjects, func(i uint32) bool { return match[a.shape[i]] })
}

// largest are the numbers of the n objects that retain most, of those whose
// index matches.
func (a *analysis) largest(n int, matches func(index uint32) bool) []uint32 {
	if n == 0 {
		return nil
	}
	out := make([]uint32, 0, n)
	meter := a.space.Meter()
	larger := func(x, y uint32) int { return cmp.Or(cmp.Compare(a.ret[y], a.ret[x]), cmp.Compare(x, y)) }
	for k, i := range a.tree.Order {
		meter.Touch(1)
		v := uint32(k)
		if k == 0 || !matches(i) || len(out) == n && larger(v, out[n-1]) > 0 {
			continue
		}
		at, _ := slices.BinarySearchFunc(out, v, larger)
		out = slices.Insert(out[:min(len(out), n-1)], at, v)
	}
	return out
}

// steps words a chain, and repeats of one step once.
func (a *analysis) steps(chain []uint32, v uint32) ([]string, error) {
	if len(chain) == 0 {
		if len(a.tree.Predecessors(v)) == 0 {
			return []string{"root: " + a.name(a.tree.Order[v])}, nil
		}
		return []string{"(no root within reach of the search)", a.name(a.tree.Order[v])}, nil
	}
	out := []string{a.firstStep(chain)}
	ids := make([]uint64, len(chain))
	for i, n := range chain {
		ids[i] = a.ids.ID(a.tree.Order[n])
	}
	fields := map[uint64]string{} // by referrer
	err := a.visitObjects(ids[:len(ids)-1], func(o object) {
		next := ids[slices.Index(ids, o.id)+1]
		for _, e := range o.edges {
			if e.to == next && !e.weak {
				fields[o.id] = e.name
				return
			}
		}
	})
	if err != nil {
		return nil, err
	}
	for i, n := range chain[1:] {
		step := fmt.Sprintf("%s (%s)", strings.TrimPrefix(fields[ids[i]], "static "), a.name(a.tree.Order[n]))
		if i == 0 && strings.HasPrefix(out[0], "static ") {
			step = "(" + a.name(a.tree.Order[n]) + ")"
		}
		if step != out[len(out)-1] {
			out = append(out, step)
		}
	}
	return out, nil
}

func (a *analysis) firstStep(chain []uint32) string {
	id := a.ids.ID(a.tree.Order[chain[0]])
	name := a.rootName(chain[0], chain[1])
	switch {
	case a.heap.Class(id) != nil && !strings.HasPrefix(name, "class "):
		return "static " + name
	case a.isThread(id):
		return a.threadLabel(id)
	default:
		return "root: " + name
	}
}

func (a *analysis) isThread(id uint64) bool {
	return slices.ContainsFunc(a.roots, func(r hprof.Root) bool { return r.ID == id && r.Kind == hprof.RootThreadObject })
}
