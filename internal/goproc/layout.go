package goproc

import (
	"fmt"
	"regexp"
	"strconv"
)

// layout holds the offsets of the runtime's structures in one minor version of
// Go, in bytes, the same on every 64-bit system. The runtime keeps them within
// a minor version; a test compares them with the DWARF of programs built by
// each toolchain.
type layout struct {
	minor int // the N of Go 1.N

	gSize                                int
	goid, status, seq, waitSince, reason uint64
	schedSP, schedPC, schedLR            uint64
	syscallSP, syscallPC                 uint64
	lockedM, parent, gopc, startPC       uint64
	labels                               uint64
	curg                                 uint64 // in runtime.m
	moduleSize                           int

	waitReasons []string
	funcWrapper byte // abi.FuncIDWrapper
	deadExtra   bool // whether status 11 is _Gdeadextra, and 10 _Gleaked
}

// Offsets that all known versions share.
const (
	gStackLo = 0
	gStackHi = 8

	mdHeader    = 0
	mdFuncNames = 8
	mdCU        = 32
	mdFiles     = 56
	mdPCTab     = 80
	mdFuncs     = 104
	mdFtab      = 128
	mdText      = 176
	mdEtext     = 184
	mdBSS       = 224
	mdEbss      = 232
	mdGofunc    = 320
)

var layouts = []layout{
	{
		minor: 24,
		gSize: 440, goid: 160, status: 152, seq: 199, waitSince: 176, reason: 184,
		schedSP: 56, schedPC: 64, schedLR: 96, syscallSP: 112, syscallPC: 120,
		lockedM: 216, parent: 280, gopc: 288, startPC: 304, labels: 352, curg: 192,
		moduleSize: 584, waitReasons: waitReasons24, funcWrapper: 22,
	},
	{
		minor: 25,
		gSize: 440, goid: 152, status: 144, seq: 191, waitSince: 168, reason: 176,
		schedSP: 56, schedPC: 64, schedLR: 88, syscallSP: 104, syscallPC: 112,
		lockedM: 208, parent: 272, gopc: 280, startPC: 296, labels: 344, curg: 184,
		moduleSize: 584, waitReasons: waitReasons25, funcWrapper: 23,
	},
	{
		minor: 26,
		gSize: 456, goid: 152, status: 144, seq: 191, waitSince: 168, reason: 176,
		schedSP: 56, schedPC: 64, schedLR: 88, syscallSP: 104, syscallPC: 112,
		lockedM: 208, parent: 280, gopc: 288, startPC: 304, labels: 352, curg: 184,
		moduleSize: 592, waitReasons: waitReasons26, funcWrapper: 23, deadExtra: true,
	},
}

// released matches a version that Go's makers released, with the words that a
// distribution or GOEXPERIMENT may add. A development or pre-release version
// does not match: its layout may be anything.
var released = regexp.MustCompile(`^go1\.(\d{1,3})(?:\.\d+)?(?:[- ].*)?$`)

func layoutOf(version string) (*layout, bool) {
	m := released.FindStringSubmatch(version)
	if m == nil {
		return nil, false
	}
	minor, err := strconv.Atoi(m[1])
	if err != nil {
		return nil, false
	}
	for i := range layouts {
		if layouts[i].minor == minor {
			return &layouts[i], true
		}
	}
	return nil, false
}

// Versions lists the versions of Go whose processes can be read, for example
// "go1.26".
func Versions() []string {
	var vs []string
	for _, l := range layouts {
		vs = append(vs, fmt.Sprintf("go1.%d", l.minor))
	}
	return vs
}

// The numbers of runtime.g's states; scanBit marks a stack that the garbage
// collector is looking at.
const (
	gIdle       = 0
	gRunnable   = 1
	gRunning    = 2
	gSyscall    = 3
	gWaiting    = 4
	gDead       = 6
	gCopyStack  = 8
	gPreempted  = 9
	gLeaked     = 10
	gDeadExtra  = 11
	gScanBit    = 0x1000
	maxG        = 1 << 20 // goroutines read in one snapshot
	maxStack    = 1 << 40 // a stack larger than this is a misread
	maxStackBuf = 1 << 20 // bytes of one stack that are read
)

// parked reports whether a goroutine in the state keeps its frames in memory
// until its state changes.
func parked(status uint32) bool {
	switch status {
	case gRunnable, gSyscall, gWaiting, gPreempted, gLeaked:
		return true
	}
	return false
}

// alive reports whether the state is one of a goroutine that has begun and not
// ended.
func (l *layout) alive(status uint32) bool {
	switch status {
	case gRunnable, gRunning, gSyscall, gWaiting, gCopyStack, gPreempted:
		return true
	case gLeaked:
		return l.deadExtra
	}
	return false
}

// known reports whether the runtime uses the state at all.
func (l *layout) known(status uint32) bool {
	switch status {
	case gIdle, gDead:
		return true
	case gDeadExtra:
		return l.deadExtra
	}
	return l.alive(status)
}
