// Package graph holds the references between the objects of a heap and computes
// from them what is reachable and what keeps what alive.
//
// Everything is sized for tens of millions of objects: tables of four bytes an
// object, allocated outside Go's heap so that they can be given back the moment
// they are done with, and in scratch files when memory is short.
package graph

import (
	"fmt"
	"maps"
	"math"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"time"
	"unsafe"

	"github.com/clewhq/clew/heapdiff/internal/hprof"
)

// Space is where tables live. The zero value puts them into memory.
type Space struct {
	limit int64 // resident bytes to stay below; 0 is no limit
	dir   string
	files bool     // tables lie in scratch files in dir
	dump  []byte   // another mapping whose pages may be dropped at any time
	pages *os.File // tells the resident memory

	mu     sync.Mutex
	tables map[*byte][]byte // by their first byte, whole
	hand   []byte           // what is left of a mapping whose pages are being dropped
}

// NewSpace returns a Space that keeps the process below limit bytes of resident
// memory, if limit is not 0, by dropping pages of dump and of its own scratch
// files in dir, while its users call [Meter.Touch]. With a limit dump must be a
// mapped file: the pages of other memory would come back empty. Close it.
func NewSpace(limit int64, dir string, dump []byte) *Space {
	s := &Space{dir: dir}
	if limit != 0 && canTrim {
		s.limit, s.dump, s.pages = limit, dump, openResident()
	}
	return s
}

// Expect tells that tables of need bytes will be wanted in all at one time: if
// they would not fit, those allocated from now on lie in scratch files.
func (s *Space) Expect(need int64) { s.files = s.limit != 0 && need > s.limit*6/10 }

// Close ends the watch over memory. Tables are freed one by one, not here.
func (s *Space) Close() {
	if s.pages != nil {
		_ = s.pages.Close() // was only read
	}
}

// The pages that are dropped are those that a hand passes over, which goes round
// all mappings in steps of dropStep: what is used much comes back at once, and
// the rest of the room stays full.
const dropStep = 16 << 20

// dropPages lets the hand move until the resident memory is below enough, once
// round at most. Nothing is lost: the pages are in files.
func (s *Space) dropPages(enough int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rest := s.mappings()
	for resident(s.pages) > enough {
		if len(s.hand) == 0 {
			if len(rest) == 0 {
				return
			}
			s.hand, rest = rest[0], rest[1:]
		}
		n := min(dropStep, len(s.hand))
		drop(s.hand[:n])
		s.hand = s.hand[n:]
	}
}

// mappings are all that may be dropped, in any order.
func (s *Space) mappings() [][]byte {
	var out [][]byte
	if s.files {
		out = slices.AppendSeq(out, maps.Values(s.tables))
	}
	return append(out, s.dump)
}

// Meter counts for one goroutine how often it touches pages of the dump or of
// tables, and looks after the resident memory now and then. The pages have to be
// dropped by those who bring them in: a watch beside them may get no processor.
type Meter struct {
	s    *Space
	left int
	last time.Time
}

const (
	// Between two looks at the clock lie so many touches. Each may bring in pages
	// of a few tables, with their neighbours 64 KiB of each.
	touches = 64
	// Between two looks at the memory lies, for each MiB of the limit, so much
	// time: a processor can bring in a tenth of the limit meanwhile.
	lookEvery = 2 * time.Microsecond
)

// Meter returns a meter for the calling goroutine.
func (s *Space) Meter() *Meter {
	m := &Meter{s: s, left: math.MaxInt}
	if s.limit != 0 {
		m.left = touches
	}
	return m
}

// Touch counts n accesses to places that may be far from each other.
func (m *Meter) Touch(n int) {
	if m.left -= n; m.left < 0 {
		m.look()
	}
}

func (m *Meter) look() {
	if m.s.limit == 0 {
		m.left = math.MaxInt
		return
	}
	m.left = touches
	if time.Since(m.last) < lookEvery*time.Duration(m.s.limit>>20) {
		return
	}
	if resident(m.s.pages) > m.s.limit/4*3 {
		m.s.dropPages(m.s.limit / 8 * 5)
	}
	m.last = time.Now()
}

// Alloc returns a zeroed table of n elements. It is not garbage collected: Free it.
func Alloc[T uint32 | uint64](s *Space, n int) ([]T, error) {
	var zero T
	size := n * int(unsafe.Sizeof(zero))
	if n == 0 {
		return nil, nil
	}
	b, err := mapTable(size, s.files, s.dir)
	if err != nil {
		return nil, fmt.Errorf("a table of %d bytes: %w", size, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tables == nil {
		s.tables = map[*byte][]byte{}
	}
	s.tables[unsafe.SliceData(b)] = b
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n), nil
}

// Free gives a table back and forgets it. A nil table is no harm, nor is one
// that was cut shorter or freed before.
func Free[T uint32 | uint64](s *Space, table *[]T) {
	t := *table
	*table = nil
	if cap(t) == 0 {
		return
	}
	first := (*byte)(unsafe.Pointer(unsafe.SliceData(t)))
	s.mu.Lock()
	b, ok := s.tables[first]
	delete(s.tables, first)
	s.hand = nil // it may point into this table
	s.mu.Unlock()
	if ok {
		unmapTable(b)
	}
}

// Guard calls f and turns a fault on a mapped page into an error: a scratch file
// that the disk has no room for, or a dump that somebody shortens, shows so.
func Guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			fault, ok := r.(interface{ Addr() uintptr })
			if !ok {
				panic(r)
			}
			err = &hprof.FaultError{Addr: fault.Addr()}
		}
	}()
	return f()
}
