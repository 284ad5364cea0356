package child

import "syscall"

// attributes has the child asked to end, not killed, when its parent dies: it may have files to remove.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
