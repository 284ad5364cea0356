package goproc

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tableWriter builds a function table, as the linker does.
type tableWriter struct {
	funcs []fn
	// inlined is one call that was inlined into the last function.
	inlined string
}

type fn struct {
	name   string
	size   uint32 // bytes of code
	prolog uint32 // of which the first ones have no frame yet
	delta  int32  // stack pointer movement behind the prologue
	flag   byte
	id     byte
}

const base = 0x10000 // where the code of a written table begins

func (w tableWriter) table(quantum uint64) *table {
	t := &table{text: base, quantum: quantum, wrapper: 23, names: []byte{0}, pctab: []byte{0}, files: []byte("main.go\x00")}
	t.cu = binary.LittleEndian.AppendUint32(nil, 0)
	var tree []byte
	entry := uint32(0)
	for i, f := range w.funcs {
		t.ftab = binary.LittleEndian.AppendUint32(t.ftab, entry)
		t.ftab = binary.LittleEndian.AppendUint32(t.ftab, uint32(len(t.funcs)))
		q := uint32(quantum)
		pcsp := t.values(f.prolog/q, 0, (f.size-f.prolog)/q, f.delta)
		file := t.values(f.size/q, 0, 0, 0)
		line := t.values(f.size/q, int32(10*(i+1)), 0, 0)
		rec := make([]byte, fnSize)
		put := func(off int, v uint32) { binary.LittleEndian.PutUint32(rec[off:], v) }
		put(fnEntry, entry)
		put(fnName, t.addName(f.name))
		put(fnPCSP, pcsp)
		put(fnPCFile, file)
		put(fnPCLine, line)
		put(fnStartLine, uint32(10*(i+1)))
		rec[fnID], rec[fnFlag] = f.id, f.flag
		if i == len(w.funcs)-1 && w.inlined != "" {
			put(fnNPCData, 3)
			rec[fnNFuncData] = 4
			index := t.values(f.prolog/q, -1, (f.size-f.prolog)/q, 0)
			for _, v := range []uint32{0, 0, index, ^uint32(0), ^uint32(0), ^uint32(0), 0} {
				rec = binary.LittleEndian.AppendUint32(rec, v)
			}
			tree = make([]byte, inlineSize)
			binary.LittleEndian.PutUint32(tree[4:], t.addName(w.inlined))
		}
		t.funcs = append(t.funcs, rec...)
		entry += f.size
	}
	t.ftab = binary.LittleEndian.AppendUint32(t.ftab, entry)
	t.nfunc, t.etext = len(w.funcs), base+uint64(entry)
	t.funcdata = func(off uint64, buf []byte) bool {
		return off < uint64(len(tree)) && copy(buf, tree[off:]) == len(buf)
	}
	return t
}

func (t *table) addName(name string) uint32 {
	at := uint32(len(t.names))
	t.names = append(append(t.names, name...), 0)
	return at
}

// values writes a table of two values, the second one for n2 quanta if that is
// not 0.
func (t *table) values(n1 uint32, v1 int32, n2 uint32, v2 int32) uint32 {
	at := uint32(len(t.pctab))
	last := int32(-1)
	for _, p := range []struct {
		n uint32
		v int32
	}{{n1, v1}, {n2, v2}} {
		if p.n == 0 {
			continue
		}
		d := p.v - last
		last = p.v
		t.pctab = binary.AppendUvarint(t.pctab, uint64(uint32(d<<1)^uint32(d>>31)))
		t.pctab = binary.AppendUvarint(t.pctab, uint64(p.n))
	}
	t.pctab = append(t.pctab, 0)
	return at
}

// words is a stack, the word at the lowest address first.
func words(at uint64, ws ...uint64) func(uint64) (uint64, bool) {
	return func(addr uint64) (uint64, bool) {
		if addr < at || addr >= at+8*uint64(len(ws)) {
			return 0, false
		}
		return ws[(addr-at)/8], true
	}
}

var writer = tableWriter{funcs: []fn{
	{name: "runtime.goexit", size: 16, flag: flagTopFrame},
	{name: "runtime.gopark", size: 64, prolog: 8, delta: 32},
	{name: "runtime.asyncPreempt", size: 64, prolog: 8, delta: 48},
	{name: "runtime.gogo", size: 16, flag: flagSPWrite},
	{name: "main.leaf", size: 64, prolog: 60, delta: 16},
	{name: "main.work", size: 64, prolog: 16, delta: 16},
}}

// place of an instruction in a function of writer.
func inFunc(name string, off uint64) uint64 {
	pc := uint64(base)
	for _, f := range writer.funcs {
		if f.name == name {
			return pc + off
		}
		pc += uint64(f.size)
	}
	panic(name)
}

func TestWalk(t *testing.T) {
	const sp = 0x7000
	goexit, park, async := inFunc("runtime.goexit", 4), inFunc("runtime.gopark", 16), inFunc("runtime.asyncPreempt", 16)
	work, leaf := inFunc("main.work", 32), inFunc("main.leaf", 8)
	amd64, arm64 := arches[0], arches[1]
	for _, c := range []struct {
		name  string
		arch  arch
		r     registers
		stack []uint64
		want  []uint64
		whole bool
	}{
		{"amd64 parked", amd64, registers{pc: park, sp: sp}, []uint64{0, 0, 0, 0, work, 0, 0, goexit}, []uint64{park - 1, work - 1}, true},
		{"amd64 interrupted: the PC is no return address", amd64, registers{pc: async, sp: sp}, []uint64{0, 0, 0, 0, 0, 0, leaf, goexit}, []uint64{async - 1, leaf}, true},
		{"amd64 new: at its entry", amd64, registers{pc: inFunc("main.work", 0), sp: sp}, []uint64{goexit}, []uint64{inFunc("main.work", 0)}, true},
		{"amd64 stack ends early", amd64, registers{pc: park, sp: sp}, []uint64{0, 0}, []uint64{park - 1}, false},
		{"amd64 into C", amd64, registers{pc: park, sp: sp}, []uint64{0, 0, 0, 0, 0x7fff0000}, []uint64{park - 1}, false},
		{"amd64 through a function that moves the stack", amd64, registers{pc: park, sp: sp}, []uint64{0, 0, 0, 0, inFunc("runtime.gogo", 4)}, []uint64{park - 1, inFunc("runtime.gogo", 3)}, false},
		{"arm64 parked", arm64, registers{pc: park, sp: sp}, []uint64{work, 0, 0, 0, goexit}, []uint64{park - 1, work - 1}, true},
		{"arm64 leaf: the return address is in a register", arm64, registers{pc: leaf, sp: sp, lr: work}, []uint64{goexit, 0}, []uint64{leaf - 1, work - 1}, true},
		{"arm64 interrupted in a leaf", arm64, registers{pc: async, sp: sp}, []uint64{leaf, 0, 0, 0, 0, 0, work, 0, goexit, 0}, []uint64{async - 1, leaf, work - 1}, true},
		{"arm64 interrupted in a frame", arm64, registers{pc: async, sp: sp}, []uint64{work, 0, 0, 0, 0, 0, 0xbad, 0, goexit, 0}, []uint64{async - 1, work}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := newUnwinder(writer.table(c.arch.quantum), c.arch)
			got, whole := u.walk(c.r, 10, words(sp, c.stack...))
			if diff := cmp.Diff(c.want, got); diff != "" || whole != c.whole {
				t.Errorf("whole %v, want %v; PCs (-want +got):\n%s", whole, c.whole, diff)
			}
		})
	}
}

func TestWalkIsBounded(t *testing.T) {
	work := inFunc("main.work", 32)
	u := newUnwinder(writer.table(1), arches[0])
	pcs, whole := u.walk(registers{pc: work, sp: 8}, 100, func(uint64) (uint64, bool) { return work, true })
	if len(pcs) != 100 || whole {
		t.Errorf("%d frames, whole %v, want 100 of an endless stack", len(pcs), whole)
	}
	// A function without a frame that returns to itself.
	loop := inFunc("main.leaf", 8)
	u = newUnwinder(writer.table(4), arches[1])
	pcs, whole = u.walk(registers{pc: loop, sp: 8, lr: loop}, 100, func(uint64) (uint64, bool) { return 0, false })
	if len(pcs) != 1 || whole {
		t.Errorf("%d frames, whole %v, want 1 of a loop", len(pcs), whole)
	}
}

func TestFrames(t *testing.T) {
	w := writer
	w.inlined = "main.tiny"
	u := newUnwinder(w.table(1), arches[0])
	work := inFunc("main.work", 32)
	got, cut := u.stack([]uint64{work, 1}, 10)
	want := []Frame{
		{Func: "main.tiny", File: "main.go", Line: 60, PC: work},
		{Func: "main.work", File: "main.go", Line: 60, PC: work},
		{PC: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" || cut {
		t.Errorf("cut %v (-want +got):\n%s", cut, diff)
	}
	u.forget()
	if got, cut = u.stack([]uint64{work, 1}, 2); len(got) != 2 || !cut {
		t.Errorf("%d frames, cut %v; want 2, cut", len(got), cut)
	}
	if f := u.start(work); f.Func != "main.work" || f.Line != 60 {
		t.Errorf("start = %+v, want main.work", f)
	}
}

func TestWrappersAreLeftOut(t *testing.T) {
	w := tableWriter{funcs: slices.Clone(writer.funcs)}
	w.funcs[len(w.funcs)-1].id = 23
	u := newUnwinder(w.table(1), arches[0])
	work := inFunc("main.work", 32)
	if got, _ := u.stack([]uint64{work}, 10); len(got) != 0 {
		t.Errorf("frames of a wrapper: %v", got)
	}
	if f := u.creator(work); f.Func != "main.work" {
		t.Errorf("creator = %+v, want the wrapper for want of another", f)
	}
}

// FuzzTable takes a table apart with bytes changed: no PC may panic or hang.
func FuzzTable(f *testing.F) {
	for _, seed := range []tableWriter{writer, {funcs: writer.funcs, inlined: "main.tiny"}} {
		t := seed.table(1)
		f.Add(t.names, t.cu, t.files, t.pctab, t.funcs, t.ftab)
	}
	f.Fuzz(func(t *testing.T, names, cu, files, pctab, funcs, ftab []byte) {
		tab := &table{
			text: base, etext: base + 1<<12, quantum: 1, wrapper: 23,
			names: names, cu: cu, files: files, pctab: pctab, funcs: funcs, ftab: ftab, nfunc: (len(ftab) - 4) / 8,
			funcdata: func(off uint64, buf []byte) bool {
				return off < uint64(len(pctab)) && copy(buf, pctab[off:]) == len(buf)
			},
		}
		if tab.check() != nil {
			return
		}
		for _, a := range arches {
			u := newUnwinder(tab, a)
			for pc := uint64(base); pc < base+512; pc += 3 {
				u.walk(registers{pc: pc, sp: 64, lr: pc + 1}, 20, func(addr uint64) (uint64, bool) { return base + addr%512, true })
				u.stack([]uint64{pc}, 20)
				u.start(pc)
			}
		}
	})
}

// flat is the memory of a process of one mapping.
type flat struct {
	at uint64
	b  []byte
}

func (m flat) read(ps []piece) error {
	for i, p := range ps {
		if off := p.addr - m.at; p.addr >= m.at && off <= uint64(len(m.b)) && uint64(len(p.buf)) <= uint64(len(m.b))-off {
			copy(p.buf, m.b[off:])
			ps[i].ok = true
		}
	}
	return nil
}

// FuzzMemory reads goroutines out of any memory: it must not panic, hang, or take
// more than its bounds.
func FuzzMemory(f *testing.F) {
	const at = 0x1000
	f.Add(hostile(at), uint8(0))
	f.Add(hostile(at), uint8(2))
	f.Add(bytes.Repeat([]byte{0xff}, 600), uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, which uint8) {
		l := &layouts[int(which)%len(layouts)]
		m := flat{at, b}
		r := reader{mem: m, l: l, allgs: at, un: newUnwinder(writer.table(1), arches[0]), clock: func() int64 { return 1 << 40 }}
		s, err := r.snapshot(t.Context(), Options{MaxFrames: 10})
		if err != nil {
			return
		}
		for i := range s.Goroutines {
			if g := &s.Goroutines[i]; len(g.Stack) > 10 || len(g.Labels) > maxLabels {
				t.Errorf("goroutine beyond the bounds: %+v", g)
			}
		}
		if _, err := findAllgs(m, &module{bss: at, ebss: at + uint64(len(b))}, l); err != nil {
			return
		}
	})
}

// hostile is a memory with one goroutine of Go 1.26, all of whose pointers lead
// back into it.
func hostile(at uint64) []byte {
	b := make([]byte, 2048)
	put := func(off, v uint64) { binary.LittleEndian.PutUint64(b[off:], v) }
	put(0, at+24) // allgs
	put(8, 1)
	put(16, 1)
	put(24, at+64)
	l := layouts[2]
	g := uint64(64)
	put(g+gStackLo, at+1024)
	put(g+gStackHi, at+2048)
	put(g+l.goid, 1)
	put(g+l.status, gWaiting)
	put(g+l.waitSince, 5)
	put(g+l.schedSP, at+1024)
	put(g+l.schedPC, inFunc("runtime.gopark", 16))
	put(1024+32, inFunc("main.work", 32))
	put(1024+56, inFunc("runtime.goexit", 4))
	put(g+l.labels, at+640)
	put(640, at+700) // a label set that is one label
	put(648, 1)
	put(656, 1<<40)
	put(700, at)
	put(708, 1<<60)
	put(716, at+8)
	put(724, 16)
	return b
}

func TestReadFromMemory(t *testing.T) {
	const at = 0x1000
	r := reader{mem: flat{at, hostile(at)}, l: &layouts[2], allgs: at, un: newUnwinder(writer.table(1), arches[0]), clock: func() int64 { return 65 }}
	s, err := r.snapshot(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Goroutines) != 1 {
		t.Fatalf("%d goroutines, want 1", len(s.Goroutines))
	}
	g := s.Goroutines[0]
	if g.ID != 1 || g.State != Waiting || g.Waiting != 60 || len(g.Stack) != 2 || g.StackCut {
		t.Errorf("goroutine = %+v", g)
	}
	if !g.LabelsCut || len(g.Labels) != 1 || len(g.Labels[0].Key) != maxLabelKey || len(g.Labels[0].Value) != 16 {
		t.Errorf("labels = %+v, cut %v; want a key cut to %d bytes", g.Labels, g.LabelsCut, maxLabelKey)
	}
}
