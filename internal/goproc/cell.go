package goproc

import "encoding/hex"

// The layout of package propagate's cell, which a goroutine's labels point into
// when it carries that package's trace context: its first word points at its
// own list of labels, at a distance that no label set of the runtime's has. The
// cell knows more than the labels say: whether the span has ended, and the ids
// of a request that is not sampled.
const (
	cellList  = 40
	cellSelf  = 24 // of a cell its own address, of a set merged with it the cell's
	cellHex   = 104
	cellTrace = 152
	cellSpan  = 168
	cellState = 184
	cellZeros = 188 // the text of the label trace_flags of one that is not sampled
	cellSize  = 192

	cellEnded = 1 // in the state
)

// TraceContext is the trace context that a goroutine carries.
type TraceContext struct {
	TraceID string `json:"trace_id"` // 32 hex digits from package propagate, else as the label has it
	SpanID  string `json:"span_id,omitempty"`
	// Ended says that the span has ended, and the goroutine outlived it. Only
	// package propagate tells; labels that others set count as live.
	Ended bool `json:"ended,omitempty"`
	// Unsampled says that the request is not being recorded; again only package
	// propagate tells.
	Unsampled bool `json:"unsampled,omitempty"`
}

// cellAddress returns where the cell behind a label set would be: the set
// itself if its list is where a cell has it, else around the text of a label
// that stands for it: that keeps its address when runtime/pprof merges sets.
func cellAddress(set, list uint64, at labelTexts) uint64 {
	if list == set+cellList {
		return set
	}
	for _, addr := range []uint64{at.traceID - cellHex, at.traceFlags - cellZeros} {
		// The runtime aligns what is of a cell's size; 0 less an offset is not aligned.
		if addr%16 == 0 {
			return addr
		}
	}
	return 0
}

// labelTexts are the addresses of some labels' values; 0 for one that is not there.
type labelTexts struct{ traceID, traceFlags uint64 }

// readCells completes sets with what the cells at the given addresses know.
// An address that no cell is at changes nothing.
func readCells(m memory, a *arena, sets map[uint64]labelSet, cells map[uint64]uint64) error {
	for range 2 { // a set merged with a cell leads on to it
		at := make([]uint64, 0, len(cells))
		ps := make([]piece, 0, len(cells))
		for set, addr := range cells {
			at = append(at, set)
			ps = append(ps, piece{addr: addr, buf: a.alloc(cellSize)})
		}
		if err := m.read(ps); err != nil {
			return err
		}
		next := map[uint64]uint64{}
		for i, p := range ps {
			if !p.ok || u64(p.buf, 0) != p.addr+cellList {
				continue
			}
			if self := u64(p.buf, cellSelf); self != p.addr {
				next[at[i]] = self
				continue
			}
			if s, ok := sets[at[i]]; ok {
				s.context = contextOf(p.buf, s)
				sets[at[i]] = s
			}
		}
		if cells = next; len(cells) == 0 {
			return nil
		}
	}
	return nil
}

// contextOf reads a cell. Its ids stand in it as bytes and as text; a cell where
// they differ is none.
func contextOf(cell []byte, s labelSet) TraceContext {
	ids := hex.EncodeToString(cell[cellTrace : cellSpan+8])
	if ids != string(cell[cellHex:cellTrace]) {
		return s.context
	}
	const traceDigits = 2 * (cellSpan - cellTrace)
	return TraceContext{
		TraceID:   ids[:traceDigits],
		SpanID:    ids[traceDigits:],
		Ended:     u32(cell, cellState)&cellEnded != 0,
		Unsampled: s.context.TraceID == "",
	}
}
