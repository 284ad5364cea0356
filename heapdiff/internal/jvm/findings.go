package jvm

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/clewhq/clew/heapdiff/internal/hprof"
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
	native waste             // memory of direct buffers

	twins *twins // shared by all workers
}

type waste struct{ n, bytes int64 }

func (l *lookouts) add(o *lookouts) {
	for class, w := range o.sparse {
		l.sparseOf(class).n += w.n
		l.sparseOf(class).bytes += w.bytes
	}
	l.native.n += o.native.n
	l.native.bytes += o.native.bytes
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

func (l *lookouts) direct(f *hprof.File, d *directFields, fields []byte) {
	if d.capacity+4 > len(fields) || d.attachment+f.IDSize > len(fields) || f.IDAt(fields, d.attachment) != 0 {
		return
	}
	l.native.n++
	b := fields[d.capacity:]
	l.native.bytes += int64(b[0])<<24 | int64(b[1])<<16 | int64(b[2])<<8 | int64(b[3])
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

func isText(t hprof.Type, elems []byte) bool {
	return (t == hprof.Byte || t == hprof.Char) && len(elems) > 0 && len(elems) <= maxTwinLength
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
			"%d arrays of class %s are at most a quarter full, %d bytes of them hold nothing", w.n, a.classOf(class), w.bytes)
	}
	if n := a.look.native; n.n > 0 {
		a.out.Findings = append(a.out.Findings, Finding{
			"direct-buffers", "java.nio.DirectByteBuffer", n.n, n.bytes,
			fmt.Sprintf("%d direct buffers hold %d bytes outside the heap, mapped files included", n.n, n.bytes),
		})
	}
	var locals waste
	for _, h := range a.out.Holders {
		if h.Label == "threadLocals" || h.Label == "inheritableThreadLocals" {
			locals.n += h.Objects
			locals.bytes += h.Retained
		}
	}
	a.find("thread-locals", "java.lang.ThreadLocal", locals.n, locals.bytes, "the thread locals of %d threads retain %d bytes", locals.n, locals.bytes)
	for _, c := range a.out.Classes {
		if c.Name == "java.lang.ref.Finalizer" && c.Instances >= minFinalizers {
			a.out.Findings = append(a.out.Findings, Finding{
				"finalizers", c.Name, c.Instances, c.Retained,
				fmt.Sprintf("%d objects have a finalizer that has not run", c.Instances),
			})
		}
	}
	slices.SortFunc(a.out.Findings, func(x, y Finding) int {
		return cmp.Or(strings.Compare(x.Kind, y.Kind), cmp.Compare(y.Bytes, x.Bytes), strings.Compare(x.Subject, y.Subject))
	})
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
			"%d arrays of text have the content of at least %d others, %d bytes too many; most common are %d of %d bytes each",
			all.n, minTwins-1, all.bytes, top.n, top.length)
	}
}
