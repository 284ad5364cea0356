package need

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

// The bits of the capabilities in /proc/PID/status, include/uapi/linux/capability.h.
const (
	capSysAdmin = 21
	capPerfmon  = 38
	capBPF      = 39
)

// initPIDNamespace is the inode of the first pid namespace, PROC_PID_INIT_INO.
const initPIDNamespace = "pid:[4026531836]"

const runAs = "run as root, or: setcap cap_bpf,cap_perfmon+ep on the program, or give a container both"

// Kernel says what the caller lacks of what every tier needs: CAP_BPF and
// CAP_PERFMON, the host's pid namespace, and the kernel's description of its
// types. Nil if nothing.
func Kernel(doing string) *Error {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return &Error{Doing: doing, What: "/proc", Mend: "mount it", Err: err}
	}
	if missing := missingCapabilities(string(status)); missing != "" {
		return &Error{Doing: doing, What: missing, Mend: runAs, Privilege: true}
	}
	ns, err := os.Readlink("/proc/self/ns/pid")
	if err == nil && ns != initPIDNamespace {
		return &Error{
			Doing: doing,
			What:  "the host's pid namespace; it is in one of its own, " + ns + ", where it would see nothing",
			Mend:  "run it on the host, or its container with --pid=host (Kubernetes: hostPID: true)",
		}
	}
	if _, err := os.Stat("/sys/kernel/btf/vmlinux"); err != nil {
		return &Error{Doing: doing, What: "kernel BTF", Mend: "use a kernel built with CONFIG_DEBUG_INFO_BTF", Err: err}
	}
	return nil
}

// missingCapabilities reads the effective capabilities of a process's status and
// names those that are missing.
func missingCapabilities(status string) string {
	for line := range strings.Lines(status) {
		hex, ok := strings.CutPrefix(line, "CapEff:")
		if !ok {
			continue
		}
		caps, err := strconv.ParseUint(strings.TrimSpace(hex), 16, 64)
		if err != nil {
			return ""
		}
		has := func(bit int) bool { return caps>>bit&1 == 1 || caps>>capSysAdmin&1 == 1 }
		switch {
		case !has(capBPF) && !has(capPerfmon):
			return "CAP_BPF and CAP_PERFMON"
		case !has(capBPF):
			return "CAP_BPF"
		case !has(capPerfmon):
			return "CAP_PERFMON"
		}
	}
	return ""
}

// Tracepoint says whether the kernel lacks the tracepoint, which it has since the
// version that since names. Nil if it is there.
func Tracepoint(doing, name, since string) *Error {
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		return &Error{Doing: doing, What: "kernel BTF", Mend: "use a kernel built with CONFIG_DEBUG_INFO_BTF", Err: err}
	}
	var def *btf.Typedef
	if err := kernel.TypeByName("btf_trace_"+name, &def); err != nil {
		return NoTracepoint(doing, name, since)
	}
	return nil
}

// NoTracepoint is the error of a kernel that lacks a tracepoint.
func NoTracepoint(doing, name, since string) *Error {
	return &Error{Doing: doing, What: fmt.Sprintf("tracepoint %s (%s)", name, since), Mend: "use a newer kernel"}
}

// Refused makes of an error of loading or attaching one that says what is
// missing, if the kernel refused it: where a security policy, a user namespace or
// seccomp forbids what the capabilities would allow, there is no word for it but
// the kernel's.
func Refused(doing string, err error) error {
	if e := Kernel(doing); e != nil {
		e.Err = err
		return e
	}
	var verifier *ebpf.VerifierError
	if errors.As(err, &verifier) {
		return &Error{Doing: doing, What: "a kernel whose verifier takes the programs", Mend: "please report it, with the kernel's version", Err: err}
	}
	if errors.Is(err, fs.ErrPermission) {
		return &Error{
			Doing:     doing,
			What:      "the kernel's permission",
			Mend:      "look for a lockdown, a seccomp profile, a user namespace or a security module that forbids bpf(2)",
			Privilege: true,
			Err:       err,
		}
	}
	return fmt.Errorf("%s: %w", doing, err)
}
