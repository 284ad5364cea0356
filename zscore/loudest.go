package zscore

// loudest lets a surprise through when none of the points before it, within a
// number of them, was as large: one event, one alarm, and a second one only if it
// gets worse. It is the sliding-window maximum with a queue of falling values, at
// most as many as fit its window; see D. Lemire, Streaming Maximum-Minimum Filter
// Using No More than Three Comparisons per Element, 2006.
type loudest struct {
	n     uint32
	queue []peak // the largest first
}

type peak struct {
	n     uint32
	value float64
}

func (l *loudest) pass(s float64, window uint32) float64 {
	l.n++
	q := l.queue
	for len(q) > 0 && l.n-q[0].n >= window {
		q = q[1:]
	}
	out := s
	if len(q) > 0 && q[0].value >= s {
		out = 0
	}
	for len(q) > 0 && q[len(q)-1].value <= s {
		q = q[:len(q)-1]
	}
	if cap(q) == len(q) && cap(l.queue) > 0 {
		// Room was given up at the front: move down instead of growing.
		q = append(make([]peak, 0, max(8, 2*len(q))), q...)
	}
	l.queue = append(q, peak{l.n, s})
	return out
}
