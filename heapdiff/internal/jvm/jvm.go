// Package jvm makes from a heap dump and a generation map the figures that a
// snapshot holds: classes by generation and liveness, retained sizes, holders
// and findings. It joins hprof, genmap and graph and knows no report.
package jvm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"

	"github.com/clewhq/clew/heapdiff/internal/genmap"
	"github.com/clewhq/clew/heapdiff/internal/graph"
	"github.com/clewhq/clew/heapdiff/internal/hprof"
)

// Options say how deep to look, and with what.
type Options struct {
	Map      *genmap.Map // nil: generations are unknown
	Shallow  bool        // one streaming pass, without references
	Partial  bool        // go on after damage
	MaxMem   int64       // 0: no limit; else the dump must be a mapped file
	TempDir  string
	Workers  int
	Layout   hprof.Layout // zero parts are inferred
	Progress func(stage string, done float64)

	// PathsTo asks for the paths from the roots to the largest objects of the
	// class of that name, or to the object whose id it is in hexadecimal (0x…).
	PathsTo  string
	MaxPaths int

	// Largest asks for that many of the objects that retain most.
	Largest int
}

// Result is all that is known about a heap.
type Result struct {
	Dump   *hprof.File
	Layout hprof.Layout

	Objects, Bytes         int64
	LiveObjects, LiveBytes int64 // with references only

	Classes  []Class
	Holders  []Holder
	Loaders  []Loader
	Findings []Finding
	Paths    []Path
	Largest  []Object

	// Strays are ids outside the map, Above are ids in a region but above its top.
	Strays, Above int64
	Duplicates    int64
	Damage        []*hprof.Error
	Unreadable    int64 // objects of classes that the dump does not describe
}

// Class is one row: all classes of one name and one class of loader.
type Class struct {
	Name, Loader     string
	Instances, Bytes int64
	Retained         int64
	Old, Young       Population
}

// Object is one live object.
type Object struct {
	ID       uint64
	Class    string
	Retained int64
}

// Population counts what lies in one generation.
type Population struct {
	Live, Dead, Unsorted                int64
	LiveBytes, DeadBytes, UnsortedBytes int64
}

// ErrDamaged wraps the places where a dump is damaged.
var ErrDamaged = errors.New("damaged")

// analysis is the state while one dump is read.
type analysis struct {
	Options
	file   *hprof.File
	heap   *hprof.Heap
	layout hprof.Layout
	gens   *genmap.Map // based on the ids of this dump
	giant  int64       // size above which an object is old, wherever it lies
	out    *Result

	classes []*hprof.Class
	roots   []hprof.Root
	blocks  []hprof.Block

	counts table
	rows   rows
	ids    *graph.IDs
	// unsorted is what ids is made of when they are no addresses.
	unsorted []uint64

	space  *graph.Space
	shapes *shapes
	shape  []uint32 // by index
	tree   *graph.Tree
	number []uint32 // by index: the number in the tree, 0 if the roots do not reach it
	ret    []uint64 // by number: retained bytes
	look   lookouts
	native map[string]*waste // memory of direct buffers, by the name of who holds it
}

// Analyze reads a dump.
func Analyze(ctx context.Context, data []byte, o Options) (*Result, error) {
	file, err := hprof.Open(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Progress == nil {
		o.Progress = func(string, float64) {}
	}
	a := &analysis{Options: o, file: file, out: &Result{Dump: file}, space: graph.NewSpace(o.MaxMem, o.TempDir, data)}
	defer a.space.Close()
	defer a.free()
	if err := graph.Guard(func() error { return a.run(ctx) }); err != nil {
		return nil, err
	}
	return a.out, nil
}

func (a *analysis) run(ctx context.Context) error {
	inferred, id := a.file.Infer()
	a.layout = merge(a.Layout, inferred)
	a.out.Layout = a.layout
	if a.Map != nil {
		a.gens = a.Map.Based(id)
	}
	a.giant = math.MaxInt64
	if a.gens != nil && a.gens.Humongous > 0 {
		a.giant = a.gens.Humongous
	}
	if err := a.scan(ctx); err != nil {
		return err
	}
	a.heap = hprof.NewHeap(a.file, a.classes, a.layout)
	if a.out.Damage = a.file.Damage(); len(a.out.Damage) > 0 && !a.Partial {
		return damage(a.out.Damage)
	}
	if a.Shallow {
		a.shallowClasses()
		return nil
	}
	if err := a.references(ctx); err != nil {
		return err
	}
	if err := a.dominate(); err != nil {
		return err
	}
	if err := a.holders(ctx); err != nil {
		return err
	}
	if a.PathsTo != "" {
		if err := a.paths(); err != nil {
			return err
		}
	}
	for _, v := range a.largest(a.Largest, func(uint32) bool { return true }) {
		i := a.tree.Order[v]
		a.out.Largest = append(a.out.Largest, Object{a.ids.ID(i), a.name(i), int64(a.ret[v])})
	}
	if err := a.countClasses(); err != nil {
		return err
	}
	a.findings()
	a.Progress("done", 1)
	return nil
}

func merge(want, found hprof.Layout) hprof.Layout {
	if want.Plain {
		return want
	}
	if want.Header != 0 && want.Header != found.Header {
		other := hprof.NewLayout(found.Reference, want.Header)
		found.Header, found.ArrayBase = other.Header, other.ArrayBase
	}
	if want.Reference != 0 {
		found.Reference = want.Reference
	}
	return found
}

// damage words the first place and how many more there are.
func damage(places []*hprof.Error) error {
	err := fmt.Errorf("%w: %w", ErrDamaged, places[0])
	if len(places) > 1 {
		err = fmt.Errorf("%w (and %d more places)", err, len(places)-1)
	}
	return err
}

func (a *analysis) free() {
	graph.Free(a.space, &a.unsorted)
	graph.Free(a.space, &a.shape)
	graph.Free(a.space, &a.number)
	graph.Free(a.space, &a.ret)
	if a.tree != nil {
		a.tree.Free()
	}
}

// rows are the lines of the class table: classes of one name and one class of
// loader share one.
type rows struct {
	index map[[2]string]int
	rows  []Class
}

func (r *rows) of(name, loader string) int {
	if r.index == nil {
		r.index = map[[2]string]int{}
	}
	k := [2]string{name, loader}
	i, ok := r.index[k]
	if !ok {
		i = len(r.rows)
		r.index[k] = i
		r.rows = append(r.rows, Class{Name: name, Loader: loader})
	}
	return i
}

func (r *rows) sorted() []Class {
	out := slices.DeleteFunc(r.rows, func(c Class) bool { return c.Instances == 0 })
	slices.SortFunc(out, func(a, b Class) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Loader, b.Loader))
	})
	return out
}
