package child

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The child of a parent that is killed ends, though nobody tells it to.
func TestDiesWithItsParent(t *testing.T) {
	cmd := acting("parent")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	grandchild := firstNumber(t, out)
	if group, err := syscall.Getpgid(grandchild); err != nil || group != grandchild {
		t.Errorf("the child is in process group %d, want one of its own, %d (%v)", group, grandchild, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	deadline := time.Now().Add(10 * time.Second)
	for lives(grandchild) {
		if time.Now().After(deadline) {
			_ = syscall.Kill(grandchild, syscall.SIGKILL)
			t.Fatalf("process %d has outlived its parent", grandchild)
		}
		time.Sleep(5 * time.Millisecond) // nobody tells when a process that is not ours ends
	}
}

// lives reports whether pid is a process that still runs: one that nobody has waited for yet does not.
func lives(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(status), ") ")
	return !strings.HasPrefix(after, "Z")
}
