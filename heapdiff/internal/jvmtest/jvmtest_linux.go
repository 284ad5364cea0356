// Package jvmtest runs small Java programs for tests. Each says "up" when it is
// ready and ends with its standard input.
package jvmtest

import (
	"bufio"
	"embed"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/clewhq/clew/internal/peertest"
)

//go:embed java/*.java
var programs embed.FS

// Options say what runs, and how. The zero value runs Sleeper.
type Options struct {
	Program string   // of java/: Sleeper, Full or Zoo
	Flags   []string // of the JVM, which has 64 MB unless one says otherwise
	Java    string   // path of the program java; empty is the one in PATH
	UID     uint32   // user and group, if not 0
}

// JVM is a program that runs until the end of its test.
type JVM struct {
	PID int

	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// Start runs a program and waits until it is up. Without a JDK the test is
// skipped, or fails where CLEW_TEST_REQUIRE wants one.
func Start(t testing.TB, o Options) *JVM {
	t.Helper()
	if o.Java == "" {
		o.Java = peertest.Need(t, "java")
	}
	if o.Program == "" {
		o.Program = "Sleeper"
	}
	file := source(t, o)
	j := &JVM{cmd: exec.Command(o.Java, append(append([]string{"-Xmx64m"}, o.Flags...), file)...)}
	j.cmd.Dir, j.cmd.Stderr = filepath.Dir(file), os.Stderr
	if o.UID != 0 {
		j.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: o.UID, Gid: o.UID}}
	}
	var err error
	if j.in, err = j.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := j.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	j.out = bufio.NewReader(out)
	if err := j.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	j.PID = j.cmd.Process.Pid
	t.Cleanup(func() { j.end(t, o.Program == "Sleeper") })
	j.Hear(t, "up")
	return j
}

// end closes the input. Sleeper ends with that, unless a test has hurt it; others
// may wait for a finalizer or have no memory to end with.
func (j *JVM) end(t testing.TB, gently bool) {
	_ = j.in.Close() // it may have ended
	if !gently {
		j.Kill()
		_ = j.cmd.Wait() // killed
		return
	}
	_, _ = io.Copy(io.Discard, j.out) // a thread dump may be waiting in the pipe
	if err := j.cmd.Wait(); err != nil {
		t.Errorf("the JVM did not end well: %v", err)
	}
}

// source puts the program where the JVM's user can read it.
func source(t testing.TB, o Options) string {
	t.Helper()
	text, err := programs.ReadFile("java/" + o.Program + ".java")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for d := dir; o.UID != 0 && d != "/" && d != os.TempDir(); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, o.Program+".java")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// Say writes a line to the program.
func (j *JVM) Say(t testing.TB, line string) {
	t.Helper()
	if _, err := io.WriteString(j.in, line+"\n"); err != nil {
		t.Fatal(err)
	}
}

// Hear waits for a line of the program.
func (j *JVM) Hear(t testing.TB, want string) {
	t.Helper()
	if line, err := j.out.ReadString('\n'); err != nil || line != want+"\n" {
		t.Fatalf("the JVM says %q, %v, want %s", line, err, want)
	}
}

// Kill ends the JVM at once.
func (j *JVM) Kill() { _ = j.cmd.Process.Kill() } // it may have ended
