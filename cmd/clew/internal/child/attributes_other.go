//go:build !unix && !windows

package child

import "syscall"

func attributes() *syscall.SysProcAttr { return nil }
