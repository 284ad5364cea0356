package goproc

import (
	"debug/elf"
	"errors"
	"fmt"
)

// Thread tells where in a program's memory a thread finds the goroutine that it
// runs, and that one's labels. It is for those who look from a place that has the
// thread at hand, as the kernel has; offsets are in bytes.
type Thread struct {
	// TLS is where the current runtime.g is, from the thread pointer: on amd64
	// the base of segment FS. It is 0 on arm64, which keeps it in register R28.
	TLS int64
	// GM, GID and GLabels are the offsets of m, goid and labels in runtime.g.
	GM, GID, GLabels uint64
	// MCurG is the offset of curg in runtime.m: of the goroutine whose work the
	// thread does, also while it runs on another stack or in C.
	MCurG uint64
}

// The offset of runtime.g's m is that of all known versions.
const gM = 48

// wordSize is the size of runtime.tlsg, which holds a pointer.
const wordSize = 8

// tlsOffset returns where the linker put runtime.tlsg, from the thread pointer. Go's
// own linker has nothing else there. The C compiler's may: it lays out a
// program's thread-local variables together, ending at the thread pointer
// (variant II of "ELF Handling for Thread-Local Storage", Drepper 2013).
func tlsOffset(f *elf.File) (int64, error) {
	for _, p := range f.Progs {
		if p.Type != elf.PT_TLS || p.Memsz == wordSize {
			continue
		}
		syms, err := f.Symbols()
		if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
			return 0, fmt.Errorf("symbol table: %w", err)
		}
		for _, s := range syms {
			if s.Name == "runtime.tlsg" && elf.ST_TYPE(s.Info) == elf.STT_TLS {
				align := max(p.Align, 1)
				return int64(s.Value) - int64((p.Memsz+align-1)/align*align), nil
			}
		}
		return 0, fmt.Errorf("%w: C code in the program has thread-local variables of its own, and no symbol "+
			"table tells them from Go's; build it without -ldflags=-s", errors.ErrUnsupported)
	}
	return -wordSize, nil
}
