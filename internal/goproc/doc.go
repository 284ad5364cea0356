// Package goproc reads the goroutines of another running Go process from
// outside: their states, wait reasons, pprof labels and stacks. The process
// need not cooperate, need not have been built for it, and is not stopped: its
// memory is copied with process_vm_readv(2) while it runs.
//
// # What is found how
//
// Nothing depends on a symbol table or on DWARF, so that a stripped, a
// position-independent and a cgo binary are read alike. The Go version comes
// from the build information that the linker puts into every binary; it selects
// a table of the offsets of the runtime's structures ([Open] refuses a version
// that has none). The function table (pclntab) is found by its section or by
// its magic number, runtime.firstmoduledata by its pointer to that table, and
// runtime.allgs by its shape: a slice in .bss whose first element is
// goroutine 1.
//
// # Why a moving target is not misread
//
// A goroutine that is parked, runnable or in a system call does not change its
// frames until it runs again, and each time it stops running the runtime
// advances g.trackingSeq. The package therefore treats a goroutine as a
// sequence lock: its g is copied, then its stack and labels, then its g again,
// and the copy counts only if status, sequence, stack bounds, registers and
// labels are as before. What keeps changing is tried again, and after that
// reported as [Moving], without a stack. A goroutine that is running is reported
// as [Running], without a stack, as its registers are in the processor.
//
// Memory of another process is not trusted: every length that is read there is
// bounded before it is used.
package goproc
