package goproc

import "encoding/binary"

// arch is what unwinding needs to know of a processor.
type arch struct {
	elf       uint16 // e_machine
	quantum   uint64 // bytes that a PC moves by at the least
	linkReg   bool   // a call leaves its return address in a register
	injectGap uint64 // stack that the signal handler leaves when it fakes a call
}

var arches = []arch{
	{elf: 62, quantum: 1},                                // amd64
	{elf: 183, quantum: 4, linkReg: true, injectGap: 16}, // arm64
}

// pcInfo is what one step of unwinding needs to know about a PC.
type pcInfo struct {
	known    bool
	entry    uint64 // of its function
	delta    uint64 // from the stack pointer to the frame's end, less the return address
	top      bool   // nothing called this function
	end      bool   // it is runtime.goexit, which is below every goroutine
	spWrite  bool   // it moves the stack pointer in a way that is not recorded
	injected bool   // the PC that it returns to was interrupted there, and made no call
}

// unwinder walks the stacks of parked goroutines. It remembers what it learned
// about each PC, as thousands of goroutines park in the same few places. It is
// not for concurrent use.
type unwinder struct {
	tab    *table
	arch   arch
	infos  map[uint64]pcInfo
	frames map[uint64][]Frame
	stacks map[string]symbolized // by the PCs' bytes
	key    []byte
}

type symbolized struct {
	frames []Frame
	cut    bool
}

// maxMemo bounds what an unwinder remembers of each kind.
const maxMemo = 1 << 17

// forget frees what was remembered, if it has become much.
func (u *unwinder) forget() {
	if len(u.infos) > maxMemo || len(u.frames) > maxMemo {
		clear(u.infos)
		clear(u.frames)
	}
	clear(u.stacks) // the limit on frames may be another one
}

func newUnwinder(t *table, a arch) *unwinder {
	return &unwinder{tab: t, arch: a, infos: map[uint64]pcInfo{}, frames: map[uint64][]Frame{}, stacks: map[string]symbolized{}}
}

// registers are where a parked goroutine goes on.
type registers struct {
	pc, sp, lr uint64
	syscall    bool // saved as it entered the system call
}

// walk returns the PCs of a stack, innermost first, each lying in the call
// instruction (or where the goroutine was interrupted), and whether they reach
// the stack's end. word reads a word of the stack. The way is the runtime's own
// (runtime.unwinder): each function's table of stack pointer movements, which
// needs no frame pointer and is exact at each instruction.
func (u *unwinder) walk(r registers, limit int, word func(addr uint64) (uint64, bool)) (pcs []uint64, whole bool) {
	pc, sp, lr := r.pc, r.sp, r.lr
	if r.syscall {
		lr = 0
	}
	trap := false
	for innermost := true; len(pcs) < limit; innermost = false {
		in := u.info(pc)
		if !in.known {
			return pcs, false
		}
		if in.end {
			return pcs, true
		}
		at := pc
		if !trap && pc > in.entry {
			at-- // the call instruction, not the one behind it
		}
		pcs = append(pcs, at)
		if in.top {
			return pcs, true
		}
		if in.spWrite && (!innermost || !r.syscall) {
			return pcs, false
		}
		next, fp, ok := u.caller(in, sp, lr, innermost, word)
		if !ok || fp < sp || next == pc && fp == sp {
			return pcs, false
		}
		trap, lr = in.injected, 0
		if in.injected && u.arch.linkReg {
			// The signal handler put the interrupted function's link register
			// on the stack before it faked the call.
			saved, ok := word(fp)
			if !ok {
				return pcs, false
			}
			fp += u.arch.injectGap
			if to := u.info(next); !to.known {
				next = saved
			} else if to.delta == 0 {
				lr = saved
			}
		}
		pc, sp = next, fp
	}
	return pcs, false
}

// caller returns where a frame returns to, and the stack pointer there.
func (u *unwinder) caller(in pcInfo, sp, lr uint64, innermost bool, word func(uint64) (uint64, bool)) (next, fp uint64, ok bool) {
	fp = sp + in.delta
	switch {
	case !u.arch.linkReg:
		next, ok = word(fp)
		return next, fp + 8, ok
	case innermost && in.delta > 0 || lr == 0:
		next, ok = word(sp)
		return next, fp, ok
	}
	return lr, fp, true
}

func (u *unwinder) info(pc uint64) pcInfo {
	if in, ok := u.infos[pc]; ok {
		return in
	}
	in := u.learn(pc)
	u.infos[pc] = in
	return in
}

func (u *unwinder) learn(pc uint64) pcInfo {
	f, ok := u.tab.find(pc)
	if !ok {
		return pcInfo{}
	}
	name, flag := u.tab.funcName(f), f.rec[fnFlag]
	in := pcInfo{
		known:    true,
		entry:    f.entry,
		end:      name == "runtime.goexit",
		top:      flag&flagTopFrame != 0,
		injected: name == "runtime.asyncPreempt" || name == "runtime.sigpanic" || name == "runtime.debugCallV2",
		// cgocallback changes stacks, but leaves a frame on both that one can
		// unwind through.
		spWrite: flag&flagSPWrite != 0 && name != "runtime.cgocallback",
	}
	if in.top {
		return in
	}
	delta, ok := u.tab.spDelta(f, pc)
	if !ok || delta < 0 {
		return pcInfo{}
	}
	in.delta = uint64(delta)
	return in
}

// stack turns the PCs of a stack into frames. Equal stacks share them.
func (u *unwinder) stack(pcs []uint64, limit int) ([]Frame, bool) {
	u.key = u.key[:0]
	for _, pc := range pcs {
		u.key = binary.LittleEndian.AppendUint64(u.key, pc)
	}
	s, ok := u.stacks[string(u.key)]
	if !ok {
		s.frames, s.cut = u.symbolize(pcs, limit)
		u.stacks[string(u.key)] = s
	}
	return s.frames, s.cut
}

// symbolize turns PCs into frames, with those that were inlined.
func (u *unwinder) symbolize(pcs []uint64, limit int) (out []Frame, cut bool) {
	for _, pc := range pcs {
		fs, ok := u.frames[pc]
		if !ok {
			fs = u.tab.frames(pc)
			u.frames[pc] = fs
		}
		if len(out)+len(fs) > limit {
			return append(out, fs[:limit-len(out)]...), true
		}
		out = append(out, fs...)
	}
	return out, false
}

// creator returns the go statement at a PC.
func (u *unwinder) creator(pc uint64) Frame {
	if fs, _ := u.symbolize([]uint64{pc}, 1); len(fs) > 0 {
		return fs[0]
	}
	return u.start(pc) // a wrapper
}

// start returns the function at a PC, and where it begins.
func (u *unwinder) start(pc uint64) Frame {
	f, ok := u.tab.find(pc)
	if !ok {
		return Frame{PC: pc}
	}
	file, _ := u.tab.fileLine(f, f.entry)
	return Frame{Func: u.tab.funcName(f), File: file, Line: int(int32(u32(f.rec, fnStartLine))), PC: pc}
}
