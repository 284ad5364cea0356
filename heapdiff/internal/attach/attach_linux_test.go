package attach

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clewhq/clew/heapdiff/internal/jvmtest"
	"github.com/clewhq/clew/internal/peertest"
)

// jdks returns the java of every JDK here, each once.
func jdks(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("/usr/lib/jvm/*/bin/java")
	if err != nil {
		t.Fatal(err)
	}
	var real []string
	for _, path := range append(all, peertest.Need(t, "java")) {
		target, err := filepath.EvalSymlinks(path)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(real, target) {
			real = append(real, target)
		}
	}
	return real
}

func jcmd(ctx context.Context, v *VM, command string) (string, error) {
	r, err := v.Jcmd(ctx, command)
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	return string(b), err
}

func TestRealJVM(t *testing.T) {
	for _, java := range jdks(t) {
		t.Run(java, func(t *testing.T) {
			pid := jvmtest.Start(t, jvmtest.Options{Java: java}).PID
			for _, when := range []string{"asleep", "already listening"} {
				v, err := Open(t.Context(), pid)
				if err != nil {
					t.Fatalf("%s: %v", when, err)
				}
				got, err := jcmd(t.Context(), v, "VM.command_line")
				if err != nil || !strings.Contains(got, "Sleeper.java") {
					t.Errorf("%s: VM.command_line answers %q (%v), want Sleeper.java in it", when, got, err)
				}
			}
			v, err := Open(t.Context(), pid)
			if err != nil {
				t.Fatal(err)
			}
			var refused *CommandError
			if _, err := jcmd(t.Context(), v, "No.such_command"); !errors.As(err, &refused) || !strings.Contains(refused.Message, "Unknown diagnostic command") {
				t.Errorf("unknown command: err = %v, want the JVM's refusal", err)
			}
			left, err := filepath.Glob(fmt.Sprintf("/proc/%d/cwd/.attach_pid*", pid))
			if err != nil || len(left) > 0 {
				t.Errorf("left behind: %v (%v)", left, err)
			}
		})
	}
}

func TestRealJVMOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to start a JVM under another user")
	}
	const nobody = 65534
	pid := jvmtest.Start(t, jvmtest.Options{UID: nobody}).PID
	v, err := Open(t.Context(), pid)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := jcmd(t.Context(), v, "VM.version"); err != nil || !strings.Contains(got, "JDK") {
		t.Errorf("VM.version answers %q (%v), want a JDK", got, err)
	}
	if uid := syscall.Geteuid(); uid != 0 {
		t.Errorf("the process has become user %d", uid)
	}
}

// With -Xrs a JVM has no handler for SIGQUIT, which would end it, but listens
// from its start.
func TestRealJVMThatDoesNotHandleSIGQUIT(t *testing.T) {
	pid := jvmtest.Start(t, jvmtest.Options{Flags: []string{"-Xrs"}}).PID
	v, err := Open(t.Context(), pid)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := jcmd(t.Context(), v, "VM.version"); err != nil || !strings.Contains(got, "JDK") {
		t.Errorf("VM.version answers %q (%v), want a JDK", got, err)
	}
}

func TestNoHandlerIsNotSignalled(t *testing.T) {
	pid := jvmtest.Start(t, jvmtest.Options{}).PID
	p, err := readProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.checkSafeToSignal(); err != nil {
		t.Errorf("a JVM is not taken for one: %v", err)
	}
	p.caught = 0
	if err := p.checkSafeToSignal(); !errors.Is(err, ErrNoListener) {
		t.Errorf("err = %v, want ErrNoListener", err)
	}
}

func TestRealJVMWithAttachDisabled(t *testing.T) {
	pid := jvmtest.Start(t, jvmtest.Options{Flags: []string{"-XX:+DisableAttachMechanism"}}).PID
	enough := errors.New("enough")
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, enough)
	defer cancel()
	if _, err := Open(ctx, pid); !errors.Is(err, enough) {
		t.Errorf("err = %v, want the context's cause", err)
	}
}

func TestNotHotSpot(t *testing.T) {
	// This very process handles SIGQUIT, by dying of it.
	if _, err := Open(t.Context(), os.Getpid()); !errors.Is(err, ErrNotHotSpot) {
		t.Errorf("err = %v, want ErrNotHotSpot", err)
	}
}

func TestGone(t *testing.T) {
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{cmd.Process.Pid, 0, -1} {
		if _, err := Open(t.Context(), pid); !errors.Is(err, ErrGone) {
			t.Errorf("pid %d: err = %v, want ErrGone", pid, err)
		}
	}
}

// Whoever may not look into a process is told what it takes.
func TestNotPermitted(t *testing.T) {
	if _, err := os.ReadFile("/proc/1/maps"); err == nil {
		t.Skip("process 1 may be looked into here")
	}
	_, err := Open(t.Context(), 1)
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "CAP_SYS_PTRACE") {
		t.Errorf("err = %v, want one that names CAP_SYS_PTRACE", err)
	}
}

func TestParseStatus(t *testing.T) {
	const whole = "Name:\tjava\nUid:\t0\t1000\t0\t0\nGid:\t0\t1001\t0\t0\nNSpid:\t41\t7\nSigCgt:\t2000000181005ccf\n"
	tests := []struct {
		name, in string
		want     process
		wantErr  string
	}{
		{name: "in a container", in: whole, want: process{pid: 41, nsPID: 7, uid: 1000, gid: 1001, caught: 0x2000000181005ccf}},
		{name: "old kernel", in: strings.Replace(whole, "NSpid", "Other", 1), want: process{pid: 41, nsPID: 41, uid: 1000, gid: 1001, caught: 0x2000000181005ccf}},
		{name: "no user", in: strings.Replace(whole, "Uid", "Other", 1), wantErr: "2 of the lines"},
		{name: "no number", in: strings.Replace(whole, "1000", "x", 1), wantErr: "line Uid"},
		{name: "empty", wantErr: "0 of the lines"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := process{pid: 41}
			err := p.parseStatus([]byte(tt.in))
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Errorf("err = %v, want one with %q", err, tt.wantErr)
				}
				return
			}
			if err != nil || p != tt.want {
				t.Errorf("got %+v (%v), want %+v", p, err, tt.want)
			}
		})
	}
}

func TestHasLibrary(t *testing.T) {
	const maps = "7f00-7f01 r-xp 00000000 fd:00 12 /opt/libjvm.so.d/other.so\n7f01-7f02 rw-p 00000000 00:00 0 \n7f02-7f03 r-xp 00000000 fd:00 13                /usr/lib/jvm/lib/server/libjvm.so (deleted)\n"
	if !hasLibrary([]byte(maps), "libjvm.so") {
		t.Error("libjvm.so is not found")
	}
	if hasLibrary([]byte(maps[:strings.Index(maps, "7f02-7f03")]), "libjvm.so") {
		t.Error("a directory's name is taken for the library's")
	}
}
