package goproc

import "fmt"

// standing is what decides whether one process may read another.
type standing struct {
	uid, owner  int  // the caller's and the process's real user
	yama        int  // kernel.yama.ptrace_scope; 0 also where there is no Yama
	undumpable  bool // the process gave up privileges, or asked not to be read
	ownerKnown  bool
	sameUserNS  bool
	capSysTrace bool // the caller has CAP_SYS_PTRACE
}

const (
	grant     = "sudo setcap cap_sys_ptrace=ep \"$(command -v clew)\""
	container = "in a container, --cap-add=SYS_PTRACE (Kubernetes: securityContext.capabilities.add: [SYS_PTRACE])"
	needCap   = "run as root or give clew the capability CAP_SYS_PTRACE: " + grant + "; " + container
)

// diagnose says why the kernel refuses, and the mend. See ptrace(2), "Ptrace
// access mode checking".
func (s standing) diagnose() (why, mend string) {
	switch {
	case s.yama >= 3:
		return "kernel.yama.ptrace_scope is 3: nobody may read another process until this machine is restarted",
			"set it to 2 or less in /etc/sysctl.d and restart"
	case s.capSysTrace && !s.sameUserNS:
		return "the process is in another user namespace, where your CAP_SYS_PTRACE does not count",
			"run clew in that namespace, or on the host"
	case s.capSysTrace:
		return "a security module or the container's seccomp filter forbids it",
			"allow process_vm_readv(2) and ptrace access there (AppArmor and SELinux: the ptrace permission)"
	case s.ownerKnown && s.uid != s.owner && s.owner == 0:
		return "it belongs to root", needCap
	case s.ownerKnown && s.uid != s.owner:
		return fmt.Sprintf("it belongs to user %d, you are user %d", s.owner, s.uid),
			fmt.Sprintf("run as user %d, or %s", s.owner, needCap)
	case s.yama == 2:
		return "kernel.yama.ptrace_scope is 2: reading another process takes CAP_SYS_PTRACE", needCap
	case s.yama == 1:
		return "kernel.yama.ptrace_scope is 1: without CAP_SYS_PTRACE only a parent may read its children",
			needCap + "; or allow it for everyone: sudo sysctl kernel.yama.ptrace_scope=0"
	case s.undumpable:
		return "it has or had other privileges than yours (set-user-ID, capabilities, or PR_SET_DUMPABLE)", needCap
	}
	return "the kernel refuses", needCap
}
