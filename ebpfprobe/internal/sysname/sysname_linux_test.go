//go:build amd64 || arm64

package sysname

import (
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestName(t *testing.T) {
	for nr, want := range map[int]string{unix.SYS_READ: "read", unix.SYS_EXIT_GROUP: "exit_group", unix.SYS_STATX: "statx", 9999: "syscall_9999"} {
		if got := Call(nr); got != want {
			t.Errorf("Call(%d) = %q, want %q", nr, got, want)
		}
	}
	for nr, want := range map[int]string{1: "EPERM", 11: "EAGAIN", 512: "ERESTARTSYS", 4000: "E4000"} {
		if got := Error(nr); got != want {
			t.Errorf("Error(%d) = %q, want %q", nr, got, want)
		}
	}
}
