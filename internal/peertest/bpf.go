package peertest

import (
	"fmt"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// NeedBPF makes sure that a program may be loaded into the kernel that follows one
// of its tracepoints. Otherwise the test ends here; CLEW_TEST_REQUIRE calls it ebpf.
func NeedBPF(t testing.TB) {
	t.Helper()
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type:         ebpf.Tracing,
		AttachType:   ebpf.AttachTraceRawTp,
		AttachTo:     "sock_send_length",
		License:      "Dual MIT/GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
	})
	if err != nil {
		missing(t, "ebpf", fmt.Sprintf("the kernel takes no program (it needs Linux 6.3 with BTF, CAP_BPF and CAP_PERFMON): %v", err))
		return
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
