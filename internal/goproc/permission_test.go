package goproc

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
)

func TestDiagnose(t *testing.T) {
	for _, c := range []struct {
		name      string
		s         standing
		why, mend string // what they must say
	}{
		{"other user", standing{uid: 1000, owner: 1001, ownerKnown: true, sameUserNS: true}, "user 1001, you are user 1000", "run as user 1001"},
		{"root's", standing{uid: 1000, ownerKnown: true, sameUserNS: true}, "belongs to root", "CAP_SYS_PTRACE"},
		{"yama 1", standing{uid: 1000, owner: 1000, ownerKnown: true, sameUserNS: true, yama: 1}, "ptrace_scope is 1", "sysctl kernel.yama.ptrace_scope=0"},
		{"yama 2", standing{uid: 1000, owner: 1000, ownerKnown: true, sameUserNS: true, yama: 2}, "ptrace_scope is 2", "setcap cap_sys_ptrace=ep"},
		{"yama 3, even for root", standing{sameUserNS: true, yama: 3, capSysTrace: true}, "ptrace_scope is 3", "restart"},
		{"not dumpable", standing{uid: 1000, owner: 1000, ownerKnown: true, sameUserNS: true, undumpable: true}, "privileges", "CAP_SYS_PTRACE"},
		{"other user namespace", standing{capSysTrace: true}, "user namespace", "on the host"},
		{"seccomp", standing{capSysTrace: true, sameUserNS: true}, "seccomp", "process_vm_readv"},
		{"unknown", standing{sameUserNS: true}, "kernel refuses", "CAP_SYS_PTRACE"},
	} {
		why, mend := c.s.diagnose()
		if !strings.Contains(why, c.why) || !strings.Contains(mend, c.mend) {
			t.Errorf("%s: %q, %q; want %q, %q in them", c.name, why, mend, c.why, c.mend)
		}
	}
}

func TestErrors(t *testing.T) {
	perm := &PermissionError{PID: 7, Why: "no", Mend: "ask"}
	if !errors.Is(perm, fs.ErrPermission) || perm.Error() != "read process 7: not permitted: no; ask" {
		t.Errorf("permission: %v", perm)
	}
	version := &VersionError{PID: 7, Version: "go1.30"}
	want := "read process 7: built with go1.30: goroutines can be read from outside for go1.24, go1.25, go1.26 only"
	if !errors.Is(version, errors.ErrUnsupported) || version.Error() != want {
		t.Errorf("version: %v\nwant: %s", version, want)
	}
}
