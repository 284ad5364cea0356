package zscore

import (
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Snapshotter is a detector whose knowledge can be kept. All detectors of this
// package are: what [encoding.BinaryAppender] writes of one, UnmarshalBinary puts
// into a new one that was made with the same parameters. It answers [ErrSnapshot]
// when they differ, or when the bytes are of another version, and the detector is
// then to be thrown away. The bytes have no checksum of their own.
type Snapshotter interface {
	Detector
	encoding.BinaryAppender
	encoding.BinaryUnmarshaler
}

// ErrSnapshot says that bytes are no snapshot of such a detector.
var ErrSnapshot = errors.New("not a snapshot of this detector")

// snapshotVersion is raised when any detector keeps something else.
const snapshotVersion = 3

// coder walks over the fields of a detector, and writes or reads each. One walk
// for both directions cannot disagree with itself.
type coder struct {
	b       []byte
	reading bool
	bad     bool
}

func write(b []byte, tag byte, walk func(*coder)) ([]byte, error) {
	c := &coder{b: append(b, snapshotVersion, tag)}
	walk(c)
	return c.b, nil
}

func read(b []byte, tag byte, walk func(*coder)) error {
	if len(b) < 2 || b[0] != snapshotVersion || b[1] != tag {
		return ErrSnapshot
	}
	c := &coder{b: b[2:], reading: true}
	walk(c)
	if c.bad || len(c.b) > 0 {
		return fmt.Errorf("%w: its parts have other sizes", ErrSnapshot)
	}
	return nil
}

// take answers the next n bytes, and zeros when there are not as many.
func (c *coder) take(n int) []byte {
	if c.bad || len(c.b) < n {
		c.bad = true
		return make([]byte, n)
	}
	out := c.b[:n]
	c.b = c.b[n:]
	return out
}

func (c *coder) u64(p *uint64) {
	if c.reading {
		*p = binary.LittleEndian.Uint64(c.take(8))
		return
	}
	c.b = binary.LittleEndian.AppendUint64(c.b, *p)
}

func (c *coder) float(ps ...*float64) {
	for _, p := range ps {
		bits := math.Float64bits(*p)
		c.u64(&bits)
		*p = math.Float64frombits(bits)
	}
}

func (c *coder) bytes(ps ...*uint8) {
	for _, p := range ps {
		if c.reading {
			*p = c.take(1)[0]
			continue
		}
		c.b = append(c.b, *p)
	}
}

func (c *coder) u16(p *uint16) {
	if c.reading {
		*p = binary.LittleEndian.Uint16(c.take(2))
		return
	}
	c.b = binary.LittleEndian.AppendUint16(c.b, *p)
}

// number codes an integer of any type.
func number[T ~int | ~int16 | ~int64 | ~uint8 | ~uint32](c *coder, p *T) {
	n := uint64(*p)
	c.u64(&n)
	*p = T(n)
}

// count codes a length, of at most limit elements; the answer is what to make.
func (c *coder) count(n, limit int) int {
	number(c, &n)
	if n < 0 || n > limit {
		c.bad = true
		return 0
	}
	return n
}

// floats codes a slice whose capacity is a parameter of the detector.
func (c *coder) floats(p *[]float64) {
	n := c.count(len(*p), cap(*p))
	*p = (*p)[:n]
	for i := range *p {
		c.float(&(*p)[i])
	}
}

func (m *moments) code(c *coder) { c.float(&m.mean, &m.variance) }

func (r *record) code(c *coder) {
	c.float(&r.best)
	r.usual.code(c)
	number(c, &r.n)
}

func (l *loudest) code(c *coder) {
	number(c, &l.n)
	n := c.count(len(l.queue), quietPoints+1)
	if c.reading {
		l.queue = make([]peak, n)
	}
	for i := range l.queue {
		number(c, &l.queue[i].n)
		c.float(&l.queue[i].value)
	}
}

func (e *EWMA) code(c *coder) {
	e.base.code(c)
	number(c, &e.n)
}

func (r *Rolling) code(c *coder) {
	c.floats(&r.ring)
	number(c, &r.next)
	c.float(&r.sum, &r.squares, &r.origin)
	c.bad = c.bad || r.next < 0 || r.next >= cap(r.ring)
}

func (m *MAD) code(c *coder) {
	c.floats(&m.ring)
	number(c, &m.next)
	c.bad = c.bad || m.next < 0 || m.next >= cap(m.ring)
	if c.reading {
		c.bad = c.bad || slices.ContainsFunc(m.ring, func(v float64) bool { return !isValue(v) })
		m.sorted = append(m.sorted[:0], m.ring...)
		slices.Sort(m.sorted)
	}
}

func (l *levels) code(c *coder) {
	for i := range l.means {
		l.means[i].code(c)
	}
	l.shift.code(c)
	for i := range l.records {
		l.records[i].code(c)
	}
	c.float(&l.lo, &l.hi, &l.sum)
	for i := range l.recent {
		c.float(&l.recent[i])
	}
	number(c, &l.n)
	c.bytes(&l.next)
	c.bad = c.bad || l.next >= shortPoints
}

func (e *Ensemble) code(c *coder) {
	e.levels.code(c)
	for i := range e.slots {
		c.float(&e.slots[i])
		c.bytes(&e.seen[i])
	}
	e.resid.code(c)
	number(c, &e.known)
	e.season.code(c)
	number(c, &e.start)
	e.quiet.code(c)
}

func (s *Season) code(c *coder) {
	for kind := range s.tables {
		s.codeTable(c, kind)
	}
	c.float(&s.total, &s.moved, &s.before, &s.visitSD[0], &s.visitSD[1], &s.unit, &s.slow, &s.fast, &s.pool[0], &s.pool[1], &s.plain, &s.plainLevel)
	number(c, &s.points)
	number(c, &s.pooled)
	number(c, &s.plained)
	number(c, &s.visit.kind)
	number(c, &s.visit.slot)
	number(c, &s.visit.points)
	c.float(&s.visit.weight, &s.visit.mean, &s.visit.slow, &s.visit.fast)
	number(c, &s.last)
	number(c, &s.fault)
	c.float(&s.faultLevel, &s.faultSign)
	number(c, &s.faults)
	c.bad = c.bad || s.visit.kind >= dayKinds || s.visit.slot < -1 ||
		int(s.visit.slot) >= s.clock.schedule.slots.slots[s.visit.kind]
}

func (s *Season) codeTable(c *coder, kind int) {
	n := 0
	if t := s.tables[kind]; t != nil {
		n = len(t.slots)
	}
	slots := s.clock.schedule.slots.slots[kind]
	n = c.count(n, slots)
	if n == 0 {
		s.tables[kind] = nil
		return
	}
	if c.reading {
		if n != slots {
			c.bad = true // the calendar's edges are others now
			return
		}
		s.tables[kind] = newSlotTable(n)
	}
	t := s.tables[kind]
	c.float(&t.step)
	number(c, &t.turn)
	c.bad = c.bad || !(t.step > 0)
	for i := range t.slots {
		p := &t.slots[i]
		mean := uint16(p.mean)
		c.u16(&mean)
		p.mean = int16(mean)
		c.bytes(&p.slow, &p.rest)
	}
}

func (a *Auto) code(c *coder) {
	a.season.code(c)
	a.levels.code(c)
	number(c, &a.start)
	c.float(&a.news.expected, &a.news.sd)
	number(c, &a.news.cause)
	c.bytes(&a.news.calm)
	c.u16(&a.news.points)
	c.bad = c.bad || a.news.cause > Range
}

// AppendBinary implements [Snapshotter].
func (e *EWMA) AppendBinary(b []byte) ([]byte, error) { return write(b, 'e', e.code) }

// UnmarshalBinary implements [Snapshotter].
func (e *EWMA) UnmarshalBinary(b []byte) error { return read(b, 'e', e.code) }

// AppendBinary implements [Snapshotter].
func (r *Rolling) AppendBinary(b []byte) ([]byte, error) { return write(b, 'r', r.code) }

// UnmarshalBinary implements [Snapshotter].
func (r *Rolling) UnmarshalBinary(b []byte) error { return read(b, 'r', r.code) }

// AppendBinary implements [Snapshotter].
func (m *MAD) AppendBinary(b []byte) ([]byte, error) { return write(b, 'm', m.code) }

// UnmarshalBinary implements [Snapshotter].
func (m *MAD) UnmarshalBinary(b []byte) error { return read(b, 'm', m.code) }

// AppendBinary implements [Snapshotter].
func (e *Ensemble) AppendBinary(b []byte) ([]byte, error) { return write(b, 'n', e.code) }

// UnmarshalBinary implements [Snapshotter].
func (e *Ensemble) UnmarshalBinary(b []byte) error { return read(b, 'n', e.code) }

// AppendBinary implements [Snapshotter].
func (s *Season) AppendBinary(b []byte) ([]byte, error) { return write(b, 's', s.code) }

// UnmarshalBinary implements [Snapshotter].
func (s *Season) UnmarshalBinary(b []byte) error { return read(b, 's', s.code) }

// AppendBinary implements [Snapshotter].
func (a *Auto) AppendBinary(b []byte) ([]byte, error) { return write(b, 'a', a.code) }

// UnmarshalBinary implements [Snapshotter].
func (a *Auto) UnmarshalBinary(b []byte) error { return read(b, 'a', a.code) }
