package jvm

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/clewhq/clew/heapdiff/internal/graph"
	"github.com/clewhq/clew/heapdiff/internal/hprof"
)

// Holder is a node of the dominator tree in which like siblings are merged and
// chains of one class (lists, trees) are drawn together.
type Holder struct {
	Label    string // how its parent refers to it: a field, "[]", or for a root its name
	Class    string
	Static   bool // Label is a static field in full, so the way to it does not matter
	Parent   int  // index in the list, or -1
	Objects  int64
	Retained int64
}

// Holders are listed down to this share of the heap, or to minHolder bytes, and
// at most maxHolders of them; static fields down to minStatic bytes, for what is
// small today may have grown by the next snapshot.
const (
	holderShare = 20_000
	minHolder   = 1024
	minStatic   = 128
	maxHolders  = 100_000
	// maxClasses is how many classes of small children are listed of a holder.
	maxClasses = 4
)

// holders fills the result's Holders and Loaders.
func (a *analysis) holders(ctx context.Context) error {
	h := &holding{analysis: a, labels: map[uint32]string{}}
	h.choose()
	if err := h.label(ctx); err != nil {
		return err
	}
	if err := h.merge(); err != nil {
		return err
	}
	a.out.Holders = h.list
	a.loaders()
	return nil
}

// holding is the state while holders are found. Nodes are numbers of the tree.
type holding struct {
	*analysis
	wanted graph.Set
	labels map[uint32]string // how the dominator, or else a static field, refers to a node
	list   []Holder
	index  map[holderKey]int
}

type holderKey struct {
	parent       int
	label, class string
}

// choose fills wanted.
func (h *holding) choose() {
	m := len(h.tree.Order)
	meter := h.space.Meter()
	threshold := max(minHolder, h.ret[0]/holderShare)
	for {
		h.wanted = graph.NewSet(m)
		n := 0
		for i := 1; i < m; i++ {
			meter.Touch(1)
			if h.ret[i] >= threshold && !h.chained(uint32(i)) {
				h.wanted.Add(uint32(i))
				n++
			}
		}
		if n <= maxHolders {
			break
		}
		threshold *= 2
	}
	for _, c := range h.heap.Classes() {
		for _, s := range c.Statics {
			h.static(c, s)
		}
	}
}

// static labels what a static field refers to, if the class or nothing at all
// dominates it.
func (h *holding) static(c *hprof.Info, s hprof.Static) {
	v, owner := h.numberOf(s.ID), h.numberOf(c.ID)
	if v == 0 || owner == 0 || strings.HasPrefix(s.Name, "<") || h.classKey(v) == classClass {
		return // a class has a better name than the field it is in
	}
	if d := h.tree.IDom[v]; d != owner && (d != 0 || h.ret[v] < minHolder) {
		return
	}
	if h.ret[v] >= minStatic {
		h.wanted.Add(v)
	}
	name := c.Name + "." + s.Name
	if old, ok := h.labels[v]; !ok || name < old {
		h.labels[v] = name
	}
}

func (h *holding) isStatic(v uint32) bool { return strings.Contains(h.labels[v], ".") }

// numberOf is the tree number of the object id, 0 if it is not reached.
func (a *analysis) numberOf(id uint64) uint32 {
	i := a.ids.Index(id)
	if i == graph.None {
		return 0
	}
	return a.number[i]
}

// chained tells whether a node is of the same class as its dominator.
func (h *holding) chained(v uint32) bool {
	d := h.tree.IDom[v]
	return d != 0 && h.classKey(v) == h.classKey(d) && h.classKey(v) != classClass
}

func (h *holding) classKey(v uint32) uint64 {
	return h.shapes.list[h.shape[h.tree.Order[v]]].class
}

// label walks the dump once for the names of the fields by which dominators
// refer to the wanted nodes.
func (h *holding) label(ctx context.Context) error {
	parents := graph.NewSet(h.ids.Len())
	meter := h.space.Meter()
	for i := 1; i < len(h.tree.Order); i++ {
		meter.Touch(1)
		v := uint32(i)
		if d := h.tree.IDom[v]; d != 0 && h.wanted.Has(v) && h.labels[v] == "" {
			parents.Add(h.tree.Order[d])
		}
	}
	var mu sync.Mutex
	name := func(parent uint32, to uint64, field string) {
		v := h.numberOf(to)
		if v == 0 || !h.wanted.Has(v) || h.tree.IDom[v] != h.number[parent] {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if old, ok := h.labels[v]; !ok || field < old && !strings.Contains(old, ".") {
			h.labels[v] = field
		}
	}
	return h.file.Walk(ctx, h.Workers, func(int) hprof.Visitor {
		meter := h.space.Meter()
		v := hprof.Visitor{
			Block: func(int64, int64) { meter.Touch(blockPages) },
			Instance: func(id, class uint64, fields []byte) {
				i := h.ids.Index(id)
				info := h.heap.Class(class)
				if !parents.Has(i) || info == nil {
					return
				}
				for _, e := range h.fieldEdges(info, fields) {
					if !e.weak {
						meter.Touch(1)
						name(i, e.to, e.name)
					}
				}
			},
			Objects: func(id, _ uint64, elements []byte) {
				i := h.ids.Index(id)
				if !parents.Has(i) {
					return
				}
				for k := range len(elements) / h.file.IDSize {
					meter.Touch(1)
					name(i, h.file.ID(elements, k), "[]")
				}
			},
			Class: func(c *hprof.Class) {
				if i := h.ids.Index(c.ID); parents.Has(i) {
					for _, e := range classEdges(c) {
						name(i, e.to, e.name)
					}
				}
			},
		}
		v.Primitive = h.look.second(h.heap.PrimitiveSize)
		return v
	}, func(done float64) { h.Progress("holders", done) })
}

// merge goes down the tree and fills list.
func (h *holding) merge() error {
	m := len(h.tree.Order)
	node, err := graph.Alloc[uint32](h.space, m) // by number: place in list, plus one
	if err != nil {
		return err
	}
	defer graph.Free(h.space, &node)
	h.index = map[holderKey]int{}
	small := map[holderKey]*Holder{}
	tops := h.tops()
	meter := h.space.Meter()
	for i := 1; i < m; i++ {
		meter.Touch(1)
		v := uint32(i)
		d := h.tree.IDom[v]
		switch {
		case h.wanted.Has(v):
			label := h.labels[v]
			switch {
			case h.classKey(v) == classClass:
				label = "class " + className(h.heap.Class(h.ids.ID(h.tree.Order[v])))
			case label == "" && d == 0:
				label = tops[v]
			}
			k := h.put(holderKey{int(node[d]) - 1, label, h.name(h.tree.Order[v])}, h.isStatic(v))
			h.list[k].Objects++
			h.list[k].Retained += int64(h.ret[v])
			node[v] = uint32(k) + 1
		case node[d] == 0:
		case h.chained(v):
			node[v] = node[d]
			h.list[node[d]-1].Objects++
		default:
			parent := int(node[d]) - 1
			key := holderKey{parent: parent, class: h.name(h.tree.Order[v])}
			s := small[key]
			if s == nil {
				s = &Holder{Class: key.class, Parent: parent}
				small[key] = s
			}
			s.Objects++
			s.Retained += int64(h.ret[v])
		}
	}
	h.addSmall(small)
	h.findHoldersOf(node)
	return nil
}

// findHoldersOf fills native: each direct buffer is put down to the nearest
// holder that has a name of its own.
func (h *holding) findHoldersOf(node []uint32) {
	h.native = map[string]*waste{}
	for _, b := range h.look.native {
		v := h.number[b.index]
		holder := "garbage that waits for a collection"
		if v != 0 {
			holder = "an object that is not large by itself"
			for v != 0 && node[v] == 0 {
				v = h.tree.IDom[v]
			}
			if v != 0 {
				holder = h.nameAbove(int(node[v]) - 1)
			}
		}
		w := h.native[holder]
		if w == nil {
			w = &waste{}
			h.native[holder] = w
		}
		w.n++
		w.bytes += b.bytes
	}
}

// nameAbove is the name of a holder, or of the nearest one above that has one.
func (h *holding) nameAbove(k int) string {
	for !h.list[k].Static && h.list[k].Parent >= 0 {
		k = h.list[k].Parent
	}
	if h.list[k].Static {
		return "static " + h.list[k].Label
	}
	return h.list[k].Label
}

func (h *holding) put(k holderKey, static bool) int {
	i, ok := h.index[k]
	if !ok {
		i = len(h.list)
		h.index[k] = i
		h.list = append(h.list, Holder{Label: k.label, Class: k.class, Static: static, Parent: k.parent})
	}
	return i
}

// addSmall lists of each holder the classes of small children that retain most.
func (h *holding) addSmall(small map[holderKey]*Holder) {
	by := map[int][]*Holder{}
	for k, s := range small {
		by[k.parent] = append(by[k.parent], s)
	}
	parents := make([]int, 0, len(by))
	for p := range by {
		parents = append(parents, p)
	}
	slices.Sort(parents)
	for _, p := range parents {
		list := by[p]
		slices.SortFunc(list, func(a, b *Holder) int {
			return cmp.Or(cmp.Compare(b.Retained, a.Retained), cmp.Compare(a.Class, b.Class))
		})
		for _, s := range list[:min(len(list), maxClasses)] {
			label := ""
			if strings.HasSuffix(h.list[p].Class, "[]") {
				label = "[]"
			}
			k := h.put(holderKey{p, label, s.Class}, false)
			h.list[k].Objects += s.Objects
			h.list[k].Retained += s.Retained
		}
	}
}

// Loader is all loaders of one class.
type Loader struct {
	Class     string
	Instances int64
	Classes   int64
	Retained  int64
}

// loaders fills the result's Loaders.
func (a *analysis) loaders() {
	classes := map[uint64]int64{}
	for _, c := range a.heap.Classes() {
		if c.Loader != 0 {
			classes[c.Loader]++
		}
	}
	by := map[string]*Loader{}
	for id, n := range classes {
		i := a.ids.Index(id)
		if i == graph.None {
			continue
		}
		name := a.name(i)
		l := by[name]
		if l == nil {
			l = &Loader{Class: name}
			by[name] = l
		}
		l.Instances++
		l.Classes += n
		if v := a.number[i]; v != 0 {
			l.Retained += int64(a.ret[v])
		}
	}
	for _, l := range by {
		a.out.Loaders = append(a.out.Loaders, *l)
	}
	slices.SortFunc(a.out.Loaders, func(x, y Loader) int {
		return cmp.Or(cmp.Compare(y.Retained, x.Retained), cmp.Compare(x.Class, y.Class))
	})
}
