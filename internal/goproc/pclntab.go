package goproc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sort"
)

// pclnMagic is abi.Go120PCLnTabMagic, the format of Go 1.20 and later.
const pclnMagic = 0xfffffff1

// The parts of runtime._func, in bytes. The format has been the same since Go
// 1.20; only the number of a wrapper in funcID changes (layout.funcWrapper).
const (
	fnEntry     = 0
	fnName      = 4
	fnPCSP      = 16
	fnPCFile    = 20
	fnPCLine    = 24
	fnNPCData   = 28
	fnCU        = 32
	fnStartLine = 36
	fnID        = 40
	fnFlag      = 41
	fnNFuncData = 43
	fnSize      = 44

	flagTopFrame = 1
	flagSPWrite  = 2

	pcdataInlTree   = 2
	funcdataInlTree = 3
	inlineSize      = 16 // of runtime.inlinedCall
	maxInline       = 64 // calls inlined into one place
	maxName         = 64 << 10
)

// table is the function table of a Go program: what the runtime unwinds stacks
// and names frames with. Its slices are moduledata's, of the program's file; none
// of what they say is trusted.
type table struct {
	text, etext uint64 // where the code begins and ends in the process
	names       []byte
	cu          []byte
	files       []byte
	pctab       []byte
	funcs       []byte
	ftab        []byte
	nfunc       int
	quantum     uint64 // bytes that a PC moves by at the least
	wrapper     byte
	// funcdata reads from go:func.*, where the inline trees are.
	funcdata func(off uint64, buf []byte) bool
}

// function is a runtime._func.
type function struct {
	entry uint64 // in the process
	rec   []byte // the record and the arrays behind it
}

func (t *table) check() error {
	if t.text >= t.etext {
		return fmt.Errorf("function table: code from %#x to %#x", t.text, t.etext)
	}
	if t.nfunc <= 0 || len(t.ftab) < t.nfunc*8+4 {
		return errors.New("function table: it is empty or cut off")
	}
	return nil
}

// find returns the function that the PC lies in.
func (t *table) find(pc uint64) (function, bool) {
	if pc < t.text || pc >= t.etext {
		return function{}, false
	}
	off := pc - t.text
	i := sort.Search(t.nfunc, func(i int) bool { return uint64(u32(t.ftab, uint64(i)*8)) > off }) - 1
	if i < 0 {
		return function{}, false
	}
	if end := u32(t.ftab, uint64(i+1)*8); off >= uint64(end) {
		return function{}, false
	}
	at := uint64(u32(t.ftab, uint64(i)*8+4))
	if at+fnSize > uint64(len(t.funcs)) {
		return function{}, false
	}
	rec := t.funcs[at:]
	if n := fnSize + 4*uint64(u32(rec, fnNPCData)) + 4*uint64(rec[fnNFuncData]); n > uint64(len(rec)) {
		return function{}, false
	}
	return function{entry: t.text + uint64(u32(rec, fnEntry)), rec: rec}, true
}

func (t *table) name(off uint32) string {
	if uint64(off) >= uint64(len(t.names)) {
		return ""
	}
	return cString(t.names[off:])
}

func (t *table) funcName(f function) string { return t.name(u32(f.rec, fnName)) }

func cString(b []byte) string {
	b = b[:min(len(b), maxName)]
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return string(b[:i])
	}
	return ""
}

// value decodes a table of values by PC at the offset in pctab: pairs of varints,
// the zigzag change of the value and how far the PC goes on with it.
func (t *table) value(f function, off uint32, pc uint64) (int32, bool) {
	if off == 0 || uint64(off) >= uint64(len(t.pctab)) {
		return 0, false
	}
	p := t.pctab[off:]
	at, val := f.entry, int32(-1)
	for first := true; ; first = false {
		uv, n := binary.Uvarint(p)
		if n <= 0 || uv == 0 && !first {
			return 0, false
		}
		p = p[n:]
		step, n := binary.Uvarint(p)
		if n <= 0 || step > 1<<32 {
			return 0, false
		}
		p = p[n:]
		val += int32(uint32(uv>>1) ^ -uint32(uv&1))
		at += step * t.quantum
		if pc < at {
			return val, true
		}
	}
}

// spDelta returns how far the stack pointer is below its place at the
// function's entry.
func (t *table) spDelta(f function, pc uint64) (int32, bool) {
	return t.value(f, u32(f.rec, fnPCSP), pc)
}

func (t *table) fileLine(f function, pc uint64) (string, int) {
	fileNo, ok := t.value(f, u32(f.rec, fnPCFile), pc)
	line, okLine := t.value(f, u32(f.rec, fnPCLine), pc)
	if !ok || !okLine || fileNo < 0 || line < 0 {
		return "", 0
	}
	at := 4 * (uint64(u32(f.rec, fnCU)) + uint64(fileNo))
	if at+4 > uint64(len(t.cu)) {
		return "", 0
	}
	off := u32(t.cu, at)
	if uint64(off) >= uint64(len(t.files)) {
		return "", 0
	}
	return cString(t.files[off:]), int(line)
}

// frames returns the calls at a PC, innermost first: those that were inlined
// there, then the function itself. Wrappers that the compiler made are left out,
// as in the runtime's own tracebacks.
func (t *table) frames(pc uint64) []Frame {
	f, ok := t.find(pc)
	if !ok {
		return []Frame{{PC: pc}}
	}
	var out []Frame
	at := pc
	for range maxInline {
		call, ok := t.inlined(f, at)
		if !ok {
			break
		}
		file, line := t.fileLine(f, at)
		if call[0] != t.wrapper {
			out = append(out, Frame{Func: t.name(u32(call, 4)), File: file, Line: line, PC: pc})
		}
		parent := u32(call, 8)
		at = f.entry + uint64(parent)
	}
	if f.rec[fnID] != t.wrapper {
		file, line := t.fileLine(f, at)
		out = append(out, Frame{Func: t.funcName(f), File: file, Line: line, PC: pc})
	}
	return out
}

// inlined returns the record of the call that was inlined at the PC.
func (t *table) inlined(f function, pc uint64) ([]byte, bool) {
	npc, nfd := uint64(u32(f.rec, fnNPCData)), uint64(f.rec[fnNFuncData])
	if npc <= pcdataInlTree || nfd <= funcdataInlTree {
		return nil, false
	}
	base := u32(f.rec, fnSize+4*npc+4*funcdataInlTree)
	if base == ^uint32(0) {
		return nil, false
	}
	i, ok := t.value(f, u32(f.rec, fnSize+4*pcdataInlTree), pc)
	if !ok || i < 0 {
		return nil, false
	}
	rec := make([]byte, inlineSize)
	if !t.funcdata(uint64(base)+inlineSize*uint64(i), rec) {
		return nil, false
	}
	return rec, true
}
