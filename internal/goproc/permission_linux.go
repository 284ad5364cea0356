package goproc

import (
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

func newPermissionError(pid int) *PermissionError {
	e := &PermissionError{PID: pid}
	e.Why, e.Mend = standingTo("/proc/" + strconv.Itoa(pid)).diagnose()
	return e
}

// standingTo gathers what the kernel goes by. The files under dir belong to
// root if the process is not dumpable, so that its user is taken from its status.
func standingTo(dir string) standing {
	s := standing{uid: os.Getuid(), sameUserNS: true}
	if b, err := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope"); err == nil {
		s.yama, _ = strconv.Atoi(strings.TrimSpace(string(b))) // not a number: no Yama that we know
	}
	if owner, ok := statusField(dir, "Uid:", 10); ok {
		s.owner, s.ownerKnown = int(owner), true
	}
	if fi, err := os.Stat(dir); err == nil && s.ownerKnown {
		if st, ok := fi.Sys().(*syscall.Stat_t); ok {
			s.undumpable = int(st.Uid) != s.owner
		}
	}
	if caps, ok := statusField("/proc/self", "CapEff:", 16); ok {
		s.capSysTrace = caps&(1<<unix.CAP_SYS_PTRACE) != 0
	}
	mine, err1 := os.Readlink("/proc/self/ns/user")
	its, err2 := os.Readlink(dir + "/ns/user")
	s.sameUserNS = err1 != nil || err2 != nil || mine == its
	return s
}

// statusField returns the first number of a line of /proc/PID/status.
func statusField(dir, name string, base int) (uint64, bool) {
	b, err := os.ReadFile(dir + "/status")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			if f := strings.Fields(rest); len(f) > 0 {
				n, err := strconv.ParseUint(f[0], base, 64)
				return n, err == nil
			}
		}
	}
	return 0, false
}
