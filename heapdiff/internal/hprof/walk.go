package hprof

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// Visitor is called for the records of a heap dump, in no particular order. A
// nil function skips its records. The slices point into the dump: they may be
// read during the call only.
type Visitor struct {
	Root      func(r Root)
	Class     func(c *Class) // a class dump; the Class is the callee's to keep
	Instance  func(id, class uint64, fields []byte)
	Objects   func(id, class uint64, elements []byte)            // an array of references
	Primitive func(id uint64, elem Type, n uint32, elems []byte) // elems is nil if the dump left them out
	// Block is called at least every MiB, behind the records from begin to end.
	Block func(begin, end int64)
}

// blockSize is after how many bytes a block ends at the next record.
const blockSize = 1 << 20

// Root is a place outside the heap that keeps an object alive.
type Root struct {
	Kind   RootKind
	ID     uint64
	Thread uint32 // serial number of the thread, for the kinds that have one
	Frame  int32  // depth in the thread's stack, -1 if none
}

// RootKind is the tag of a root's record.
type RootKind byte

// Roots with a meaning of their own to a reader.
const (
	RootUnknown      RootKind = 0xff
	RootJNIGlobal    RootKind = 0x01
	RootJNILocal     RootKind = 0x02
	RootJavaFrame    RootKind = 0x03
	RootNativeStack  RootKind = 0x04
	RootStickyClass  RootKind = 0x05
	RootThreadBlock  RootKind = 0x06
	RootMonitorUsed  RootKind = 0x07
	RootThreadObject RootKind = 0x08
)

var rootNames = map[RootKind]string{
	RootJNIGlobal: "JNI global", RootJNILocal: "JNI local", RootJavaFrame: "stack frame", RootNativeStack: "native stack",
	RootStickyClass: "system class", RootThreadBlock: "thread block", RootMonitorUsed: "monitor", RootThreadObject: "thread",
	0x89: "interned string", 0x8a: "finalizing", 0x8b: "debugger", 0x8c: "reference cleanup", 0x8d: "VM internal", 0x8e: "JNI monitor",
}

func (k RootKind) String() string {
	if s, ok := rootNames[k]; ok {
		return s
	}
	return "unknown root"
}

// strong tells whether a root of this kind keeps its object alive. Android marks
// by 0x90 what is unreachable, and by 0x89 strings that the intern table holds
// weakly unless something else does.
func (k RootKind) strong() bool { return k != 0x90 }

const (
	subClass     = 0x20
	subInstance  = 0x21
	subObjects   = 0x22
	subPrimitive = 0x23
	subNoData    = 0xc3 // Android: a primitive array without its elements
	subHeapInfo  = 0xfe // Android: the heap that the next objects lie in
)

// batch is how many neighbouring segments a worker takes at once: HotSpot's are
// about 1 MiB, and neighbours hold neighbouring objects.
const batch = 8

// Walk passes over all heap segments with the given number of goroutines, each
// with a visitor of its own from mk, and waits for them. done, if not nil, is
// told the part that is done, from one goroutine at a time. Damage that is found
// is added to f's, once per place.
func (f *File) Walk(ctx context.Context, workers int, mk func(worker int) Visitor, done func(float64)) error {
	var (
		wg     sync.WaitGroup
		next   atomic.Int64
		mu     sync.Mutex
		failed error
		bytes  int64
	)
	finish := func(n int64, damage []*Error, err error) {
		mu.Lock()
		defer mu.Unlock()
		bytes += n
		if failed == nil { // the others see the same
			failed = err
		}
		f.found(damage)
		if done != nil && err == nil {
			done(float64(bytes) / float64(len(f.data)))
		}
	}
	for w := range max(1, workers) {
		wg.Go(func() {
			v := mk(w)
			for ctx.Err() == nil {
				i := int(next.Add(batch)) - batch
				if i >= len(f.segs) {
					return
				}
				n, damage, err := f.walkBatch(f.segs[i:min(i+batch, len(f.segs))], &v)
				finish(n, damage, err)
				if err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(failed, context.Cause(ctx))
}

// FaultError says that a page of memory that is mapped from a file could not be
// had, of the dump or of a table that the caller keeps in a scratch file.
type FaultError struct{ Addr uintptr }

func (e *FaultError) Error() string {
	return fmt.Sprintf("memory at %#x cannot be read: the disk with the scratch files is full (--temp-dir chooses another), or the dump changed meanwhile", e.Addr)
}

// walkBatch walks segments. A mapped file that somebody shortens meanwhile
// faults; that becomes an error here instead of the end of the process.
func (f *File) walkBatch(segs []segment, v *Visitor) (n int64, damage []*Error, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			fault, ok := r.(interface{ Addr() uintptr })
			if !ok {
				panic(r)
			}
			err = &FaultError{fault.Addr()}
		}
	}()
	for _, s := range segs {
		if e := f.walk(s, v); e != nil {
			damage = append(damage, e)
		}
		n += s.end - s.begin
	}
	return n, damage, nil
}

// found adds damage, unless an earlier walk has seen it.
func (f *File) found(damage []*Error) {
next:
	for _, e := range damage {
		for _, old := range f.damage {
			if *old == *e {
				continue next
			}
		}
		f.damage = append(f.damage, e)
	}
}

// walk passes over one segment and returns the place where it breaks off, or nil.
func (f *File) walk(s segment, v *Visitor) *Error {
	b := f.data[:s.end]
	id := int64(f.IDSize)
	p, end := s.begin, s.end
	block := p
	if v.Block != nil {
		defer func() { v.Block(block, p) }()
	}
	for p < end {
		if v.Block != nil && p-block >= blockSize {
			v.Block(block, p)
			block = p
		}
		tag := b[p]
		q := p + 1
		switch tag {
		case subInstance:
			body := q + 2*id + 8
			if body > end {
				return cut(p, end, "an instance")
			}
			n := int64(binary.BigEndian.Uint32(b[body-4:]))
			if body+n > end {
				return cut(p, end, "an instance")
			}
			if v.Instance != nil {
				v.Instance(f.id(q), f.id(q+id+4), b[body:body+n:body+n])
			}
			p = body + n
		case subObjects:
			body := q + 2*id + 8
			if body > end {
				return cut(p, end, "an object array")
			}
			n := int64(binary.BigEndian.Uint32(b[q+id+4:])) * id
			if body+n > end {
				return cut(p, end, "an object array")
			}
			if v.Objects != nil {
				v.Objects(f.id(q), f.id(body-id), b[body:body+n:body+n])
			}
			p = body + n
		case subPrimitive, subNoData:
			body := q + id + 9
			if body > end {
				return cut(p, end, "a primitive array")
			}
			count := binary.BigEndian.Uint32(b[q+id+4:])
			elem := Type(b[body-1])
			width := int64(elem.Size())
			if width == 0 {
				return &Error{body - 1, fmt.Sprintf("a primitive array has elements of the unknown type %d", elem), end - p}
			}
			n := int64(count) * width
			if tag == subNoData {
				n = 0
			}
			if body+n > end {
				return cut(p, end, "a primitive array")
			}
			if v.Primitive != nil {
				var elems []byte
				if tag == subPrimitive {
					elems = b[body : body+n : body+n]
				}
				v.Primitive(f.id(q), elem, count, elems)
			}
			p = body + n
		default:
			next, err := f.walkRare(p, end, tag, v)
			if err != nil {
				return err
			}
			p = next
		}
	}
	return nil
}

// walkRare passes over a class or a root at p and returns where the next record
// begins.
func (f *File) walkRare(p, end int64, tag byte, v *Visitor) (int64, *Error) {
	q := p + 1
	if tag == subClass {
		c, next := f.class(q, end)
		if c == nil {
			return 0, cut(p, end, "a class")
		}
		if v.Class != nil {
			v.Class(c)
		}
		return next, nil
	}
	if tag == subHeapInfo {
		next := q + 4 + int64(f.IDSize)
		if next > end {
			return 0, cut(p, end, "a heap name")
		}
		return next, nil
	}
	extra, ok := rootExtra(RootKind(tag), int64(f.IDSize))
	if !ok {
		return 0, &Error{p, fmt.Sprintf("unknown heap record %#02x", tag), end - p}
	}
	next := q + int64(f.IDSize) + extra
	if next > end {
		return 0, cut(p, end, "a root")
	}
	if v.Root != nil && RootKind(tag).strong() {
		v.Root(f.root(RootKind(tag), q, extra))
	}
	return next, nil
}

// rootExtra is how many bytes follow the id in a root's record.
func rootExtra(k RootKind, id int64) (int64, bool) {
	switch k {
	case RootUnknown, RootStickyClass, RootMonitorUsed, 0x89, 0x8a, 0x8b, 0x8c, 0x8d, 0x90:
		return 0, true
	case RootJNIGlobal:
		return id, true
	case RootNativeStack, RootThreadBlock:
		return 4, true
	case RootJNILocal, RootJavaFrame, RootThreadObject, 0x8e:
		return 8, true
	default:
		return 0, false
	}
}

func (f *File) root(k RootKind, q, extra int64) Root {
	r := Root{Kind: k, ID: f.id(q), Frame: -1}
	if k == RootJNIGlobal || extra < 4 {
		return r
	}
	r.Thread = binary.BigEndian.Uint32(f.data[q+int64(f.IDSize):])
	if extra == 8 && k != RootThreadObject {
		r.Frame = int32(binary.BigEndian.Uint32(f.data[q+int64(f.IDSize)+4:]))
	}
	return r
}

func cut(p, end int64, what string) *Error {
	return &Error{p, what + " reaches over the end of its segment", end - p}
}
