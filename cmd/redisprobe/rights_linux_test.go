package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/clewhq/clew/internal/peertest"
)

// The capabilities, as linux/capability.h numbers them.
const (
	capPerfmon = 38
	capBPF     = 39
)

// TestRights runs the program as those who may and those who may not: it works
// with two capabilities, and names what is missing.
func TestRights(t *testing.T) {
	peertest.NeedBPF(t)
	if os.Getuid() != 0 {
		t.Skip("needs root, to become others")
	}
	_, port := server(t)
	exe := executable(t)
	nobody := &syscall.Credential{Uid: 65534, Gid: 65534}
	tests := []struct {
		name   string
		as     *syscall.SysProcAttr
		status int
		says   string // on either stream
	}{
		{"two capabilities", &syscall.SysProcAttr{Credential: nobody, AmbientCaps: []uintptr{capPerfmon, capBPF}}, 0, ""},
		{"CAP_BPF alone", &syscall.SysProcAttr{Credential: nobody, AmbientCaps: []uintptr{capBPF}}, 3, "needs CAP_PERFMON: run as root, or: setcap cap_bpf,cap_perfmon+ep"},
		{"CAP_PERFMON alone", &syscall.SysProcAttr{Credential: nobody, AmbientCaps: []uintptr{capPerfmon}}, 3, "needs CAP_BPF: run as root, or: setcap cap_bpf,cap_perfmon+ep"},
		{"no capability", &syscall.SysProcAttr{Credential: nobody}, 3, "needs CAP_BPF and CAP_PERFMON: "},
		{"a pid namespace", &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}, 3, "needs the host's pid namespace; it is in one of its own, pid:["},
	}
	for _, tt := range tests {
		for _, args := range [][]string{{"check"}, {"report", "--port", port, "-d", "200ms"}} {
			t.Run(tt.name+" "+args[0], func(t *testing.T) {
				cmd := exec.Command(exe, args...)
				cmd.SysProcAttr = tt.as
				cmd.Dir = "/"
				out, err := cmd.CombinedOutput()
				var exit *exec.ExitError
				if err != nil && !errors.As(err, &exit) {
					t.Fatal(err)
				}
				if got := cmd.ProcessState.ExitCode(); got != tt.status || !strings.Contains(string(out), tt.says) {
					t.Errorf("status %d, want %d and %q in\n%s", got, tt.status, tt.says, out)
				}
				if tt.status == 0 && args[0] == "report" && !bytes.Contains(out, []byte("redis-server, port "+port)) {
					t.Errorf("no server in\n%s", out)
				}
			})
		}
	}
}

// executable is the program in a place where everybody may run it.
func executable(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	from, err := os.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	dir, err := os.MkdirTemp("", "redisprobe") //nolint:usetesting // t.TempDir may be below a directory that only root may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	exe := filepath.Join(dir, "redisprobe")
	to, err := os.OpenFile(exe, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(to, from)
	if err := errors.Join(err, to.Close()); err != nil {
		t.Fatal(err)
	}
	return exe
}
