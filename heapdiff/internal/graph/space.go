// Package graph holds the references between the objects of a heap and computes
// from them what is reachable and what keeps what alive.
//
// Everything is sized for tens of millions of objects: tables of four bytes an
// object, allocated outside Go's heap so that they can be given back the moment
// they are done with, and in scratch files when memory is short.
package graph

import (
	"fmt"
	"runtime/debug"
	"sync"
	"time"
	"unsafe"

	"github.com/clewhq/clew/heapdiff/internal/hprof"
)

// Space is where tables live. The zero value puts them into memory.
type Space struct {
	limit int64 // resident bytes to stay below; 0 is no limit
	dir   string
	files bool // tables lie in scratch files in dir

	others [][]byte // further file mappings to trim

	mu     sync.Mutex
	tables map[*byte][]byte // by their first byte, whole

	stop chan struct{}
	done chan struct{}
}

// NewSpace returns a Space that keeps the process below limit bytes of resident
// memory, if limit is not 0, by putting tables into scratch files in dir when
// tables of need bytes in all would not fit. others are further file mappings
// that may be dropped from memory at any time, such as the dump. Close it.
func NewSpace(limit, need int64, dir string, others ...[]byte) *Space {
	s := &Space{limit: limit, dir: dir, others: others}
	if limit == 0 || !canTrim {
		return s
	}
	s.files = need > limit*6/10
	s.stop, s.done = make(chan struct{}), make(chan struct{})
	go s.trim()
	return s
}

// Close ends the watch over memory. Tables are freed one by one, not here.
func (s *Space) Close() {
	if s.stop != nil {
		close(s.stop)
		<-s.done
	}
}

// trimEvery is how often the resident memory is looked at: at 2 GB/s of pages
// coming in, ten milliseconds let in 20 MB.
const trimEvery = 10 * time.Millisecond

// trim drops the pages of file mappings from memory when the process grows near
// its limit. Nothing is lost: the pages are in the files.
func (s *Space) trim() {
	defer close(s.done)
	tick := time.NewTicker(trimEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-tick.C:
		}
		if resident() < s.limit/2 {
			continue
		}
		s.dropAll()
	}
}

func (s *Space) dropAll() {
	for _, b := range s.others {
		drop(b)
	}
	if !s.files {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.tables {
		drop(b)
	}
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
