package goproc

import "slices"

// The labels that carry a trace context, by the names that package propagate and
// the profilers of others give them.
const (
	TraceKey = "trace_id"
	SpanKey  = "span_id"
	flagsKey = "trace_flags"
)

// Limits on the labels of one goroutine.
const (
	maxLabels   = 64
	maxLabelKey = 256
	maxLabelVal = 1 << 10
	labelSize   = 32 // of internal/runtime/pprof/label.Label: two strings
)

// labelSet is what a goroutine's label pointer leads to.
type labelSet struct {
	labels  []Label
	cut     bool
	context TraceContext
}

func (s labelSet) equal(o labelSet) bool {
	return s.cut == o.cut && s.context == o.context && slices.Equal(s.labels, o.labels)
}

// readLabels reads the label sets at the given addresses, all of them in a few
// steps: the sets' headers, their arrays, the strings, and the cells of package
// propagate behind them. A set that can't be read
// has no entry. Sets do not change once a goroutine has them, but they are
// freed: the caller checks that a goroutine had its set all the while.
func readLabels(m memory, a *arena, addrs []uint64) (map[uint64]labelSet, error) {
	heads := make([]piece, len(addrs))
	for i, addr := range addrs {
		heads[i] = piece{addr: addr, buf: a.alloc(24)}
	}
	if err := m.read(heads); err != nil {
		return nil, err
	}
	arrays := make([]piece, len(addrs))
	for i, h := range heads {
		n := uint64(0)
		if h.ok && u64(h.buf, 8) <= u64(h.buf, 16) {
			n = min(u64(h.buf, 8), maxLabels)
		}
		arrays[i] = piece{addr: u64(h.buf, 0), buf: a.alloc(int(labelSize * n))}
	}
	if err := m.read(arrays); err != nil {
		return nil, err
	}
	var texts texts
	for _, l := range arrays {
		for off := uint64(0); l.ok && off < uint64(len(l.buf)); off += labelSize {
			texts.want(a, l.buf[off:], maxLabelKey)
			texts.want(a, l.buf[off+16:], maxLabelVal)
		}
	}
	if err := m.read(texts.pieces); err != nil {
		return nil, err
	}
	sets := make(map[uint64]labelSet, len(addrs))
	cells := map[uint64]uint64{}
	for i, addr := range addrs {
		if !heads[i].ok || !arrays[i].ok {
			continue
		}
		set, at, ok := newLabelSet(arrays[i].buf, &texts)
		if !ok {
			continue
		}
		set.cut = set.cut || u64(heads[i].buf, 8) > maxLabels
		sets[addr] = set
		if c := cellAddress(addr, u64(heads[i].buf, 0), at); c != 0 {
			cells[addr] = c
		}
	}
	return sets, readCells(m, a, sets, cells)
}

// texts are strings to read, each once: the keys are the same for all.
type texts struct {
	index  map[header]int // by the string's address and length
	pieces []piece
}

func (t *texts) want(a *arena, head []byte, limit uint64) {
	h := header{ptr: u64(head, 0), n: min(u64(head, 8), limit)}
	if _, ok := t.index[h]; ok {
		return
	}
	if t.index == nil {
		t.index = map[header]int{}
	}
	t.index[h] = len(t.pieces)
	t.pieces = append(t.pieces, piece{addr: h.ptr, buf: a.alloc(int(h.n))})
}

func (t *texts) get(head []byte, limit uint64) (text string, cut, ok bool) {
	n := u64(head, 8)
	p := t.pieces[t.index[header{ptr: u64(head, 0), n: min(n, limit)}]]
	return string(p.buf), n > limit, p.ok
}

// newLabelSet puts a set together.
func newLabelSet(array []byte, texts *texts) (set labelSet, at labelTexts, ok bool) {
	for ; len(array) >= labelSize; array = array[labelSize:] {
		key, cutKey, okKey := texts.get(array, maxLabelKey)
		value, cutValue, okValue := texts.get(array[16:], maxLabelVal)
		if !okKey || !okValue {
			return labelSet{}, labelTexts{}, false
		}
		set.cut = set.cut || cutKey || cutValue
		set.labels = append(set.labels, Label{Key: key, Value: value})
		switch key {
		case TraceKey:
			set.context.TraceID, at.traceID = value, u64(array, 16)
		case SpanKey:
			set.context.SpanID = value
		case flagsKey:
			at.traceFlags = u64(array, 16)
		}
	}
	return set, at, true
}
