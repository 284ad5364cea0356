package goproc

import (
	"debug/elf"
	"fmt"
)

// ThreadOf returns the [Thread] of a process's program; pid is as the caller's /proc
// numbers it. It reads the program's file, not the process's memory. The error
// is as [Open]'s.
func ThreadOf(pid int) (Thread, error) {
	var t Thread
	err := withProgram(pid, func(p *Process, l *layout) (err error) {
		t, err = threadOf(p, l)
		return err
	})
	return t, err
}

func threadOf(p *Process, l *layout) (Thread, error) {
	img, err := newImage(p.exe, 0)
	if err != nil {
		return Thread{}, err
	}
	t := Thread{GM: gM, GID: l.goid, GLabels: l.labels, MCurG: l.curg}
	if img.f.Machine == elf.EM_X86_64 {
		if t.TLS, err = tlsOffset(img.f); err != nil {
			return Thread{}, fmt.Errorf("%s: %w", p.program.Path, err)
		}
	}
	return t, nil
}
