package ebpfprobe

import (
	"fmt"
	"testing"

	"github.com/clewhq/clew/ebpfprobe/report"
)

// TestSyscallsOnly checks that the system calls are measured, and no request is
// looked at.
func TestSyscallsOnly(t *testing.T) {
	s := startRedis(t)
	p := observe(t, Config{PIDs: []int{s.cmd.Process.Pid}, SyscallsOnly: true})
	const sets = 50
	c := s.dial(t)
	for range sets {
		c.do("SET", "key", "value")
	}
	var got report.Server
	eventually(t, func() error { // the last write may not have ended
		got = only(t, p)
		calls := map[string]uint64{}
		for _, call := range got.Syscalls {
			calls[call.Name] = call.Time.Count
		}
		if calls["read"] < sets || calls["write"] < sets {
			return fmt.Errorf("of %d SETs there are the system calls %v", sets, calls)
		}
		return nil
	})
	r, err := p.Report()
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Tiers) != 1 || r.Tiers[0].Name != "syscalls" || r.Tiers[0].State != report.TierOn || len(got.Commands) != 0 {
		t.Errorf("tiers %+v, commands %+v", r.Tiers, got.Commands)
	}
}
