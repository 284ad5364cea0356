package goproc

import "encoding/binary"

// piece is a run of bytes wanted from a process.
type piece struct {
	addr uint64
	buf  []byte // filled if ok
	ok   bool
}

// memory reads another process. A piece that is not mapped there is left with
// ok false; an error means that nothing more can be read, as when the process
// has gone.
type memory interface {
	read(ps []piece) error
}

func readOne(m memory, addr uint64, buf []byte) (bool, error) {
	ps := []piece{{addr: addr, buf: buf}}
	err := m.read(ps)
	return ps[0].ok, err
}

// scan calls visit with successive parts of [from, to), each at most size bytes
// and overlapping the one before by the given number, so that nothing that lies
// across a border is missed. Parts that are not mapped are left out. It ends
// early when visit returns false.
func scan(m memory, from, to uint64, size, overlap int, visit func(addr uint64, b []byte) bool) error {
	buf := make([]byte, min(uint64(size), to-min(from, to)))
	for from < to {
		n := min(uint64(size), to-from)
		ok, err := readOne(m, from, buf[:n])
		if err != nil {
			return err
		}
		if ok && !visit(from, buf[:n]) {
			return nil
		}
		if n == to-from {
			return nil
		}
		from += n - uint64(overlap)
	}
	return nil
}

// arenaChunk is bytes that an arena takes at once.
const arenaChunk = 256 << 10

// arena hands out buffers that live until the next reset.
type arena struct {
	buf  []byte
	used int
}

func (a *arena) reset() { a.used = 0 }

func (a *arena) alloc(n int) []byte {
	if a.used+n > len(a.buf) {
		// Those handed out keep the old one alive.
		a.buf, a.used = make([]byte, max(arenaChunk, n)), 0
	}
	b := a.buf[a.used : a.used+n : a.used+n]
	a.used += n
	return b
}

func u32(b []byte, off uint64) uint32 { return binary.LittleEndian.Uint32(b[off:]) }
func u64(b []byte, off uint64) uint64 { return binary.LittleEndian.Uint64(b[off:]) }
