package graph

import (
	"errors"
	"math"
	"sync/atomic"
)

// first marks the first edge of a node: nodes need no stored degree, and a walk
// may go over a node's edges forwards or backwards.
const first = uint32(1) << 31

// Edges holds the references of all nodes, in any order of nodes.
type Edges struct {
	space *Space
	start []uint32 // by node: position of its first edge, None if it has no edges
	to    []uint32
	used  atomic.Int64
	full  atomic.Bool
}

// errEdges is returned when there are more references than a position can count.
var errEdges = errors.New("the heap has more than 4294967294 references")

// NewEdges makes room for the edges of n nodes, at most limit in all. Room that
// is not used takes no memory.
func NewEdges(s *Space, n int, limit int64) (*Edges, error) {
	if limit >= math.MaxUint32 {
		limit = math.MaxUint32 - 1
	}
	e := &Edges{space: s}
	var err error
	if e.start, err = Alloc[uint32](s, n); err != nil {
		return nil, err
	}
	if e.to, err = Alloc[uint32](s, int(limit)); err != nil {
		Free(s, &e.start)
		return nil, err
	}
	return e, nil
}

// Err tells whether the edges did not fit.
func (e *Edges) Err() error {
	if e.full.Load() {
		return errEdges
	}
	return nil
}

// Free gives the memory back.
func (e *Edges) Free() {
	Free(e.space, &e.start)
	Free(e.space, &e.to)
}

// EdgeWriter adds edges for one goroutine, node by node. Flush it at the end.
type EdgeWriter struct {
	e     *Edges
	buf   []uint32
	nodes []pending
	open  uint32
	last  uint32
}

type pending struct{ node, at uint32 }

const writerSize = 1 << 16

// Writer returns a writer for the calling goroutine.
func (e *Edges) Writer() *EdgeWriter { return &EdgeWriter{e: e} }

// Begin starts the edges of a node. Every node must be begun once, by one writer.
func (w *EdgeWriter) Begin(node uint32) {
	if len(w.buf) >= writerSize || len(w.nodes) >= writerSize {
		w.Flush()
	}
	w.open, w.last = node, None
	w.nodes = append(w.nodes, pending{node, None})
}

// Add adds an edge from the node begun last. Edges to itself, and one that
// repeats the edge before, are left out: they change no dominator.
func (w *EdgeWriter) Add(to uint32) {
	if to == w.open || to == w.last {
		return
	}
	w.last = to
	p := &w.nodes[len(w.nodes)-1]
	if p.at == None {
		p.at = uint32(len(w.buf))
		to |= first
	}
	w.buf = append(w.buf, to)
}

// Flush hands over what was added since the last Flush.
func (w *EdgeWriter) Flush() {
	n := int64(len(w.buf))
	base := w.e.used.Add(n) - n
	if base+n > int64(len(w.e.to)) {
		w.e.full.Store(true)
		w.e.used.Add(-n)
		n, base = 0, 0
	}
	copy(w.e.to[base:base+n], w.buf)
	for _, p := range w.nodes {
		if p.at != None && n > 0 {
			w.e.start[p.node] = uint32(base) + p.at
		} else {
			w.e.start[p.node] = None
		}
	}
	w.buf, w.nodes = w.buf[:0], w.nodes[:0]
}
