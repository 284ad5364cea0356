package jvm

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/clewhq/clew/heapdiff/internal/hprof"
	"github.com/clewhq/clew/heapdiff/internal/humanize"
)

// Finding is something worth knowing about a heap as a whole.
type Finding struct {
	Kind    string
	Subject string
	Count   int64
	Bytes   int64
	Text    string
}

// lookouts watches for waste while the dump is walked for other reasons.
type lookouts struct {
	sparse map[uint64]*waste // object arrays by class
	native []buffer          // direct buffers that own their memory
	finals []uint32          // indexes of objects whose finalizer has not run

	twins *twins // shared by all workers
}

type waste struct{ n, bytes int64 }

func (l *lookouts) add(o *lookouts) {
	for class, w := range o.sparse {
		l.sparseOf(class).n += w.n
		l.sparseOf(class).bytes += w.bytes
	}
	l.native = append(l.native, o.native...)
	l.finals = append(l.finals, o.finals...)
	l.twins = o.twins
}

func (l *lookouts) sparseOf(class uint64) *waste {
	if l.sparse == nil {
		l.sparse = map[uint64]*waste{}
	}
	w := l.sparse[class]
	if w == nil {
		w = &waste{}
		l.sparse[class] = w
	}
	return w
}

// minSparse is from how many elements on an array counts as oversized when three
// quarters of it are null.
const minSparse = 32

func (l *lookouts) array(class uint64, n, used int, size int64) {
	if n >= minSparse && used*4 <= n {
		w := l.sparseOf(class)
		w.n++
		w.bytes += size * int64(n-used) / int64(n)
	}
}

// directFields says where a direct byte buffer keeps its capacity, and whether
// it owns the memory or shares that of another one.
type directFields struct{ capacity, attachment int }

// directBuffer returns nil for any other class.
func directBuffer(h *hprof.Heap, c *hprof.Info) *directFields {
	if c.Name != "java.nio.DirectByteBuffer" {
		return nil
	}
	capacity, t, ok := h.Field(c, "java.nio.Buffer", "capacity")
	attachment, u, has := h.Field(c, "java.nio.DirectByteBuffer", "att")
	if !ok || t != hprof.Int || !has || u != hprof.Object {
		return nil
	}
	return &directFields{capacity, attachment}
}

// buffer is a direct buffer, by index, and the bytes it owns outside of the heap.
type buffer struct {
	index uint32
	bytes int64
}

func (l *lookouts) direct(f *hprof.File, d *directFields, i uint32, fields []byte) {
	if d.capacity+4 > len(fields) || d.attachment+f.IDSize > len(fields) || f.IDAt(fields, d.attachment) != 0 {
		return
	}
	l.native = append(l.native, buffer{i, int64(binary.BigEndian.Uint32(fields[d.capacity:]))})
}

// twins finds arrays of bytes or chars with the same content. The first walk
// counts hashes in a table that forgets which is which; the second one keeps
// those that shared a slot with many.
type twins struct {
	seed  maphash.Seed
	slots []atomic.Uint32

	mu    sync.Mutex
	exact map[uint64]*twin
}

type twin struct {
	waste
	length int
	class  hprof.Type
}

const (
	maxTwinSlots = 1 << 20
	// minTwins is from how many in a slot on it is looked at again.
	minTwins = 100
	// maxTwins bounds the contents that are told apart in the second walk.
	maxTwins = 50_000
	// maxTwinLength leaves out buffers, which are equal because they are empty.
	maxTwinLength = 4096
)

// newTwins makes a table for a dump of size bytes.
func newTwins(size int64) *twins {
	slots := 1024
	for slots < maxTwinSlots && int64(slots)*256 < size {
		slots *= 2
	}
	return &twins{seed: maphash.MakeSeed(), slots: make([]atomic.Uint32, slots), exact: map[uint64]*twin{}}
}

func (w *twins) slot(hash uint64) *atomic.Uint32 { return &w.slots[hash&uint64(len(w.slots)-1)] }

// isText leaves out what begins with a zero character: buffers do, texts do not.
func isText(t hprof.Type, elems []byte) bool {
	switch {
	case t != hprof.Byte && t != hprof.Char, len(elems) == 0, len(elems) > maxTwinLength:
		return false
	case len(elems) == 1:
		return elems[0] != 0
	}
	return elems[0] != 0 || elems[1] != 0
}

func (l *lookouts) text(t hprof.Type, elems []byte) {
	if isText(t, elems) {
		l.twins.slot(maphash.Bytes(l.twins.seed, elems)).Add(1)
	}
}

// second is the visitor of the second walk.
func (l *lookouts) second(size func(hprof.Type, int64) int64) func(uint64, hprof.Type, uint32, []byte) {
	w := l.twins
	return func(_ uint64, t hprof.Type, n uint32, elems []byte) {
		if !isText(t, elems) {
			return
		}
		h := maphash.Bytes(w.seed, elems)
		if w.slot(h).Load() < minTwins {
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		e := w.exact[h]
		if e == nil {
			if len(w.exact) >= maxTwins {
				return
			}
			e = &twin{length: len(elems), class: t}
			w.exact[h] = e
		}
		e.n++
		e.bytes += size(t, int64(n))
	}
}

// worth is the part of the heap that a finding has to waste to be told.
const worth = 0.005

// findings fills the result's Findings.
func (a *analysis) findings() {
	a.findTwins()
	for class, w := range a.look.sparse {
		a.find("oversized-collections", a.classOf(class), w.n, w.bytes,
			"%s arrays of class %s are at most a quarter full, %s of them hold nothing",
			humanize.Count(w.n), a.classOf(class), humanize.Bytes(w.bytes))
	}
	a.findNative()
	a.findLocals()
	a.findFinalizers()
	slices.SortFunc(a.out.Findings, func(x, y Finding) int {
		return cmp.Or(strings.Compare(x.Kind, y.Kind), cmp.Compare(y.Bytes, x.Bytes), strings.Compare(x.Subject, y.Subject))
	})
}

// minNative is from how many bytes outside of the heap on buffers are told of.
const minNative = 1 << 20

// findNative tells who holds the memory of direct buffers, of which the heap
// shows next to nothing.
func (a *analysis) findNative() {
	for holder, w := range a.native {
		if w.bytes >= minNative {
			a.out.Findings = append(a.out.Findings, Finding{
				"direct-buffers", holder, w.n, w.bytes,
				fmt.Sprintf("direct buffers (%s, mapped files included) hold %s outside the heap; %s holds them",
					humanize.Count(w.n), humanize.Bytes(w.bytes), holder),
			})
		}
	}
}

// findLocals tells what threads keep for themselves.
func (a *analysis) findLocals() {
	var all waste
	top := -1
	for i, h := range a.out.Holders {
		if h.Label != "threadLocals" && h.Label != "inheritableThreadLocals" {
			continue
		}
		all.n += h.Objects
		all.bytes += h.Retained
		if top < 0 || h.Retained > a.out.Holders[top].Retained {
			top = i
		}
	}
	if top < 0 {
		return
	}
	most := a.out.Holders[top]
	if most.Parent >= 0 {
		most.Label = a.out.Holders[most.Parent].Label
	}
	a.find("thread-locals", "java.lang.ThreadLocal", all.n, all.bytes, "the maps of thread locals, %s of them, retain %s; %s has the most, %s",
		humanize.Count(all.n), humanize.Bytes(all.bytes), most.Label, humanize.Bytes(most.Retained))
}

// findFinalizers tells which objects wait for their finalizer.
func (a *analysis) findFinalizers() {
	by := map[string]int64{}
	top := ""
	for _, i := range a.look.finals {
		name := a.name(i)
		if by[name]++; by[name] > by[top] || by[name] == by[top] && name < top {
			top = name
		}
	}
	for _, c := range a.out.Classes {
		if c.Name == "java.lang.ref.Finalizer" && c.Instances >= minFinalizers {
			a.out.Findings = append(a.out.Findings, Finding{
				"finalizers", c.Name, c.Instances, c.Retained,
				fmt.Sprintf("%s objects have a finalizer that has not run, %s of them of class %s",
					humanize.Count(c.Instances), humanize.Count(by[top]), top),
			})
		}
	}
}

// minFinalizers is from how many objects with a finalizer on it is told: a JVM
// at rest has some dozens.
const minFinalizers = 1000

func (a *analysis) find(kind, subject string, n, bytes int64, format string, args ...any) {
	if float64(bytes) >= worth*float64(a.out.Bytes) && bytes > 0 {
		a.out.Findings = append(a.out.Findings, Finding{kind, subject, n, bytes, fmt.Sprintf(format, args...)})
	}
}

// findTwins tells the contents that waste most. It never shows a content: the
// heap of a service holds its users' secrets.
func (a *analysis) findTwins() {
	var all waste
	var top *twin
	for _, t := range a.look.twins.exact {
		if t.n < minTwins {
			continue
		}
		all.n += t.n
		all.bytes += t.bytes - t.bytes/t.n
		if top == nil || t.bytes > top.bytes {
			top = t
		}
	}
	if top != nil {
		a.find("duplicate-strings", top.class.String()+"[]", all.n, all.bytes,
			"%s arrays of text have the content of at least %d others, %s too many; most common are %s of %d bytes each",
			humanize.Count(all.n), minTwins-1, humanize.Bytes(all.bytes), humanize.Count(top.n), top.length)
	}
}
