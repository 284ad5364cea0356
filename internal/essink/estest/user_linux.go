package estest

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// nobody is whom the node runs as when the test runs as root.
const nobody = 65534

// within returns home, or a copy of it in dir if whom the node runs as can't get
// to where it is: a checkout below a private directory.
func within(home, dir string) (string, error) {
	if os.Getuid() != 0 || public(home) {
		return home, nil
	}
	inside := filepath.Join(dir, "home")
	if err := os.CopyFS(inside, os.DirFS(home)); err != nil {
		return "", err
	}
	return inside, nil
}

// public reports whether everybody may walk to dir.
func public(dir string) bool {
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err != nil || info.Mode()&1 == 0 {
			return false
		}
	}
	return true
}

func giveAway(dir string) error {
	if os.Getuid() != 0 {
		return nil
	}
	// The test's own directory is above, and nobody's way to it.
	for up := filepath.Dir(dir); up != os.TempDir() && up != "/"; up = filepath.Dir(up) {
		if err := os.Chmod(up, 0o755); err != nil {
			return err
		}
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(path, nobody, nobody)
	})
}

// asItsUser lets the process not be root's, and die with the test's process.
func asItsUser(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody, NoSetGroups: true}
	}
}

// killAll kills the process and those that it has started.
func killAll(cmd *exec.Cmd) {
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it may have ended
}
