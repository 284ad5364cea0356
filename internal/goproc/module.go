package goproc

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
)

// module is the part of runtime.moduledata that is of use.
type module struct {
	bss, ebss uint64
	tab       *table
}

// findModule looks for runtime.firstmoduledata in the program's writable data:
// its first word points at the function table's header, its next ones at the
// parts behind that.
func findModule(m memory, img *image, l *layout) (*module, error) {
	header, err := img.pcHeader()
	if err != nil {
		return nil, err
	}
	hdr := make([]byte, headerSize)
	if !img.at(header, hdr) {
		return nil, errors.New("function table header: it is not in the program's file")
	}
	var found *module
	var bad error
	for _, r := range img.writable() {
		err := scan(m, r[0], r[1], scanChunk, l.moduleSize, func(_ uint64, b []byte) bool {
			for off := uint64(0); off+uint64(l.moduleSize) <= uint64(len(b)); off += 8 {
				if u64(b, off) == header && isModule(b[off:], header, hdr) {
					found, bad = newModule(b[off:], img, l)
					return false
				}
			}
			return true
		})
		if found != nil || bad != nil || err != nil {
			return found, cmp.Or(bad, err)
		}
	}
	return nil, errors.New("no runtime.firstmoduledata in the process's data")
}

// isModule reports whether the slices of a moduledata begin where the header of
// the function table says.
func isModule(md []byte, header uint64, hdr []byte) bool {
	for i, off := range []uint64{mdFuncNames, mdCU, mdFiles, mdPCTab, mdFuncs} {
		if u64(md, off) != header+u64(hdr, 32+8*uint64(i)) {
			return false
		}
	}
	return u64(md, mdText) < u64(md, mdEtext) && u64(md, mdBSS) <= u64(md, mdEbss)
}

func newModule(md []byte, img *image, l *layout) (*module, error) {
	t := &table{
		text: u64(md, mdText), etext: u64(md, mdEtext),
		quantum: img.arch.quantum, wrapper: l.funcWrapper,
	}
	for _, s := range []struct {
		what string
		off  uint64
		size uint64 // of an element
		to   *[]byte
	}{
		{"names", mdFuncNames, 1, &t.names},
		{"compilation units", mdCU, 4, &t.cu},
		{"files", mdFiles, 1, &t.files},
		{"values by PC", mdPCTab, 1, &t.pctab},
		{"functions", mdFuncs, 1, &t.funcs},
		{"index", mdFtab, 8, &t.ftab},
	} {
		addr, n := u64(md, s.off), u64(md, s.off+8)
		if n > maxTable/s.size {
			return nil, fmt.Errorf("function table: %s: %d elements", s.what, n)
		}
		b, err := fileBytes(img, addr, n*s.size)
		if err != nil {
			return nil, fmt.Errorf("function table: %s: %w", s.what, err)
		}
		*s.to = b
	}
	t.nfunc = int(u64(md, mdFtab+8)) - 1
	gofunc := u64(md, mdGofunc)
	t.funcdata = func(off uint64, buf []byte) bool { return img.at(gofunc+off, buf) }
	if err := t.check(); err != nil {
		return nil, err
	}
	return &module{bss: u64(md, mdBSS), ebss: u64(md, mdEbss), tab: t}, nil
}

// fileBytes reads n bytes of the file, growing as they come so that a length
// that is not true costs no memory.
func fileBytes(img *image, addr, n uint64) ([]byte, error) {
	var last [1]byte
	if n > 0 && !img.at(addr+n-1, last[:]) {
		return nil, fmt.Errorf("%d bytes at %#x: they are not in the program's file", n, addr)
	}
	b := make([]byte, n)
	if !img.at(addr, b) {
		return nil, fmt.Errorf("%d bytes at %#x: they are not in the program's file", n, addr)
	}
	return b, nil
}

// findAllgs returns the address of runtime.allgs. Of all slices in .bss whose
// first element is goroutine 1 it is the longest: the garbage collector keeps
// a copy while it works, which may be older. The linker sorts .bss by size, so
// that allgs comes early and the large arrays need not be looked through.
func findAllgs(m memory, mod *module, l *layout) (uint64, error) {
	const beyond = 4 << 20 // looked through after the first one found
	var best, most uint64
	g := make([]byte, l.gSize)
	end := min(mod.ebss, mod.bss+maxScan)
	err := scan(m, mod.bss&^7, end, scanChunk, 24, func(addr uint64, b []byte) bool {
		for off := uint64(0); off+24 <= uint64(len(b)); off += 8 {
			ptr, n, c := u64(b, off), u64(b, off+8), u64(b, off+16)
			if n <= most || n > c || c > 1<<32 || ptr == 0 || ptr%8 != 0 {
				continue
			}
			if isAllgs(m, ptr, n, l, g) {
				best, most = addr+off, n
			}
		}
		return best == 0 || addr < best+beyond
	})
	if err != nil {
		return 0, err
	}
	if best == 0 {
		return 0, errors.New("no runtime.allgs in the process's data: it may not have come to its start yet")
	}
	return best, nil
}

// isAllgs reports whether the first elements of a slice are goroutines, the
// first of them number 1.
func isAllgs(m memory, ptr, n uint64, l *layout, g []byte) bool {
	first := make([]byte, 8*min(n, 8))
	if ok, err := readOne(m, ptr, first); !ok || err != nil {
		return false
	}
	for i := uint64(0); i < uint64(len(first)); i += 8 {
		p := u64(first, i)
		if p == 0 || p%8 != 0 {
			return false
		}
		if ok, err := readOne(m, p, g); !ok || err != nil {
			return false
		}
		lo, hi := u64(g, gStackLo), u64(g, gStackHi)
		if !l.known(u32(g, l.status)&^gScanBit) || lo > hi || hi-lo > maxStack {
			return false
		}
		if i == 0 && u64(g, l.goid) != 1 {
			return false
		}
	}
	return true
}

// header is a slice header in the process.
type header struct{ ptr, n, c uint64 }

func readHeader(m memory, addr uint64) (header, error) {
	b := make([]byte, 24)
	ok, err := readOne(m, addr, b)
	if err != nil {
		return header{}, err
	}
	if !ok {
		return header{}, fmt.Errorf("runtime.allgs: %w", ErrGone)
	}
	return header{u64(b, 0), u64(b, 8), u64(b, 16)}, nil
}

// readAllgs returns the addresses of all goroutines, at most maxG, and how many
// more there are. The array may be moved while it is read; it counts if the
// header stayed.
func readAllgs(m memory, addr uint64) (gs []uint64, more int, err error) {
	for range 100 {
		h, err := readHeader(m, addr)
		if err != nil {
			return nil, 0, err
		}
		if h.ptr == 0 || h.n == 0 || h.n > h.c || h.c > 1<<32 {
			continue // half written
		}
		n := min(h.n, maxG)
		b := make([]byte, 8*n)
		ok, err := readOne(m, h.ptr, b)
		if err != nil {
			return nil, 0, err
		}
		after, err := readHeader(m, addr)
		if err != nil {
			return nil, 0, err
		}
		if !ok || after.ptr != h.ptr {
			continue
		}
		gs = make([]uint64, n)
		for i := range gs {
			gs[i] = binary.LittleEndian.Uint64(b[8*i:])
		}
		return gs, int(h.n - n), nil
	}
	return nil, 0, fmt.Errorf("runtime.allgs: it is not what it was: %w", ErrGone)
}
