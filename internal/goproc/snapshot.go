package goproc

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

// How a snapshot is taken: in batches so small that few goroutines move while
// theirs is read, and those that do in smaller ones still.
var batches = []int{256, 32, 8}

const (
	firstStack       = 16 << 10 // bytes of each stack that are read at once
	defaultMaxFrames = 128
)

// reader takes snapshots of one process. It is not for concurrent use.
type reader struct {
	mem   memory
	l     *layout
	allgs uint64 // address of runtime.allgs
	un    *unwinder
	arena arena // for what one batch reads
	// clock returns the process's runtime.nanotime, or 0 if it can't be told.
	clock func() int64
	now   int64 // as the snapshot began
}

// gCopy is a copy of a runtime.g.
type gCopy struct {
	b []byte
	l *layout
}

func (g gCopy) status() uint32 { return u32(g.b, g.l.status) &^ gScanBit }
func (g gCopy) goid() uint64   { return u64(g.b, g.l.goid) }
func (g gCopy) labels() uint64 { return u64(g.b, g.l.labels) }

// same reports whether no change of g between the two copies can have touched
// what is read through it.
func (g gCopy) same(o gCopy) bool {
	l := g.l
	if g.status() != o.status() || g.goid() != o.goid() || g.labels() != o.labels() {
		return false
	}
	if g.status() == gRunning || g.status() == gCopyStack {
		return true // its stack is not read
	}
	if g.b[l.seq] != o.b[l.seq] || g.b[l.reason] != o.b[l.reason] {
		return false
	}
	for _, off := range []uint64{gStackLo, gStackHi, l.schedSP, l.schedPC, l.schedLR, l.syscallSP, l.syscallPC} {
		if u64(g.b, off) != u64(o.b, off) {
			return false
		}
	}
	return true
}

// registers returns where a parked goroutine goes on, and the end of its stack.
func (g gCopy) registers() (r registers, hi uint64, ok bool) {
	l := g.l
	r = registers{pc: u64(g.b, l.schedPC), sp: u64(g.b, l.schedSP), lr: u64(g.b, l.schedLR)}
	if sp := u64(g.b, l.syscallSP); sp != 0 {
		r = registers{pc: u64(g.b, l.syscallPC), sp: sp, syscall: true}
	}
	lo, hi := u64(g.b, gStackLo), u64(g.b, gStackHi)
	return r, hi, lo < hi && hi-lo <= maxStack && lo <= r.sp && r.sp < hi && r.sp%8 == 0
}

func (r *reader) snapshot(ctx context.Context, o Options) (*Snapshot, error) {
	if o.MaxFrames <= 0 {
		o.MaxFrames = defaultMaxFrames
	}
	s := &Snapshot{Taken: time.Now()}
	r.now = r.clock()
	todo, more, err := readAllgs(r.mem, r.allgs)
	if err != nil {
		return nil, err
	}
	s.Unread = more
	s.Goroutines = make([]Goroutine, 0, len(todo))
	r.un.forget()
	for _, size := range batches {
		var moved []uint64
		for batch := range slices.Chunk(todo, size) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			r.arena.reset()
			if s.Goroutines, moved, err = r.batch(batch, o, s.Goroutines, moved); err != nil {
				return nil, err
			}
		}
		todo = moved
	}
	moving, err := r.moving(todo)
	if err != nil {
		return nil, err
	}
	s.Goroutines = append(s.Goroutines, moving...)
	slices.SortFunc(s.Goroutines, func(a, b Goroutine) int { return cmp.Compare(a.ID, b.ID) })
	// A dead goroutine's g serves the next one: one may be met as two.
	s.Goroutines = slices.CompactFunc(s.Goroutines, func(a, b Goroutine) bool { return a.ID == b.ID })
	s.Took = time.Since(s.Taken)
	return s, nil
}

// copies reads the gs at the addresses; one that can't be read is nil.
func (r *reader) copies(addrs []uint64) ([]gCopy, error) {
	all := r.arena.alloc(r.l.gSize * len(addrs))
	ps := make([]piece, len(addrs))
	for i, a := range addrs {
		ps[i] = piece{addr: a, buf: all[i*r.l.gSize : (i+1)*r.l.gSize]}
	}
	if err := r.mem.read(ps); err != nil {
		return nil, err
	}
	gs := make([]gCopy, len(addrs))
	for i := range gs {
		if ps[i].ok {
			gs[i] = gCopy{ps[i].buf, r.l}
		}
	}
	return gs, nil
}

// batch reads some goroutines. It appends those that were still to gs, and the
// addresses of those that moved meanwhile to moved.
func (r *reader) batch(addrs []uint64, o Options, gs []Goroutine, moved []uint64) ([]Goroutine, []uint64, error) {
	before, err := r.copies(addrs)
	if err != nil {
		return nil, nil, err
	}
	live := addrs[:0:0]
	copies := before[:0]
	for i, g := range before {
		if g.b != nil && r.l.alive(g.status()) {
			live, copies = append(live, addrs[i]), append(copies, g)
		}
	}
	stacks, err := r.stacks(copies, o)
	if err != nil {
		return nil, nil, err
	}
	sets, err := r.labelSets(copies)
	if err != nil {
		return nil, nil, err
	}
	after, err := r.copies(live)
	if err != nil {
		return nil, nil, err
	}
	for i, g := range copies {
		set, hasSet := sets[g.labels()]
		lost := g.labels() != 0 && !hasSet
		if after[i].b == nil || !g.same(after[i]) || lost && !parked(g.status()) {
			moved = append(moved, live[i])
			continue
		}
		set.cut = set.cut || lost // not a label set of runtime/pprof
		gs = append(gs, r.goroutine(g, stacks[i], set, o))
	}
	return gs, moved, nil
}

// stack is a walked stack.
type stack struct {
	pcs   []uint64
	whole bool
}

// stacks reads and walks the stacks of the parked ones among gs.
func (r *reader) stacks(gs []gCopy, o Options) ([]stack, error) {
	out := make([]stack, len(gs))
	if o.NoStacks {
		return out, nil
	}
	ps := make([]piece, len(gs))
	for i, g := range gs {
		if regs, hi, ok := g.registers(); ok && parked(g.status()) {
			ps[i] = piece{addr: regs.sp, buf: r.arena.alloc(int(min(hi-regs.sp, firstStack)))}
		}
	}
	if err := r.mem.read(ps); err != nil {
		return nil, err
	}
	for i, g := range gs {
		if !ps[i].ok || len(ps[i].buf) == 0 {
			continue
		}
		regs, hi, _ := g.registers()
		w := window{mem: r.mem, base: regs.sp, end: min(hi, regs.sp+maxStackBuf), buf: ps[i].buf}
		out[i].pcs, out[i].whole = r.un.walk(regs, o.MaxFrames, w.word)
		if w.err != nil {
			return nil, w.err
		}
	}
	return out, nil
}

// window is the part of a stack that was read; it grows upwards as far as a walk
// needs.
type window struct {
	mem       memory
	base, end uint64
	buf       []byte
	err       error
}

func (w *window) word(addr uint64) (uint64, bool) {
	if addr < w.base || addr%8 != 0 || addr > w.end-8 {
		return 0, false
	}
	off := addr - w.base
	if off+8 > uint64(len(w.buf)) {
		buf := make([]byte, min(w.end-w.base, 4*(off+8)))
		ok, err := readOne(w.mem, w.base, buf)
		if !ok || err != nil {
			w.err = err
			return 0, false
		}
		w.buf = buf
	}
	return u64(w.buf, off), true
}

// labelSets reads the label sets of gs. A parked goroutine keeps its set while
// it is parked; one that runs may change it at any time, so that its set is read
// twice.
func (r *reader) labelSets(gs []gCopy) (map[uint64]labelSet, error) {
	seen := map[uint64]bool{}
	var addrs, unsure []uint64
	for _, g := range gs {
		a := g.labels()
		if a == 0 {
			continue
		}
		if !seen[a] {
			seen[a] = true
			addrs = append(addrs, a)
		}
		if !parked(g.status()) {
			unsure = append(unsure, a)
		}
	}
	sets, err := readLabels(r.mem, &r.arena, addrs)
	if err != nil || len(unsure) == 0 {
		return sets, err
	}
	again, err := readLabels(r.mem, &r.arena, unsure)
	if err != nil {
		return nil, err
	}
	for _, a := range unsure {
		if s, ok := again[a]; !ok || !s.equal(sets[a]) {
			delete(sets, a)
		}
	}
	return sets, nil
}

func (r *reader) goroutine(g gCopy, st stack, set labelSet, o Options) Goroutine {
	l := r.l
	out := Goroutine{
		ID: g.goid(), Parent: u64(g.b, l.parent),
		Locked: u64(g.b, l.lockedM) != 0,
		Labels: set.labels, LabelsCut: set.cut,
		Trace: set.context,
		Start: r.un.start(u64(g.b, l.startPC)),
	}
	if pc := u64(g.b, l.gopc); pc != 0 {
		out.Creator = r.un.creator(pc - 1)
	}
	out.System = isSystem(out.Start.Func)
	out.State = stateOf(g.status())
	if n := int(g.b[l.reason]); (out.State == Waiting || out.State == Leaked) && n < len(l.waitReasons) {
		out.WaitReason = l.waitReasons[n]
	}
	if since := int64(u64(g.b, l.waitSince)); since != 0 && (out.State == Waiting || out.State == Syscall) {
		out.Waiting = time.Duration(max(0, r.now-since)) // now is 0 if it can't be told
	}
	var cut bool
	out.Stack, cut = r.un.stack(st.pcs, o.MaxFrames)
	out.StackCut = cut || !st.whole && len(st.pcs) > 0
	return out
}

func stateOf(status uint32) State {
	switch status {
	case gRunnable:
		return Runnable
	case gSyscall:
		return Syscall
	case gWaiting:
		return Waiting
	case gPreempted:
		return Preempted
	case gLeaked:
		return Leaked
	}
	return Running // also while its stack is moved, which it does itself
}

// isSystem goes by the function that a goroutine was started with, as
// runtime.isSystemGoroutine does.
func isSystem(start string) bool {
	switch start {
	case "runtime.main", "runtime.corostart", "runtime.handleAsyncEvent":
		return false
	}
	return strings.HasPrefix(start, "runtime.")
}

// moving reports the goroutines that could not be read still, as they are now.
func (r *reader) moving(addrs []uint64) ([]Goroutine, error) {
	gs, err := r.copies(addrs)
	if err != nil {
		return nil, err
	}
	var out []Goroutine
	for _, g := range gs {
		if g.b != nil && r.l.alive(g.status()) {
			out = append(out, Goroutine{ID: g.goid(), State: Moving})
		}
	}
	return out, nil
}
