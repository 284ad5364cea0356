package main

import (
	"bytes"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// TestFullDisk fills the disk under the state, and kills the daemon on it: what
// fires then is written into the room that was set aside, and is told by the next.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("clew", dir, "tmpfs", 0, "size=16m"); err != nil {
		if errors.Is(err, fs.ErrPermission) || os.Geteuid() != 0 {
			t.Skipf("a disk of its own to fill wants root: mount a tmpfs: %v", err)
		}
		t.Skipf("mount a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	var away atomic.Bool
	away.Store(true)
	r := newRig(t, 4, filepath.Join(dir, "state"))
	r.slack.Fail = func(int) (int, string) {
		if away.Load() {
			return http.StatusServiceUnavailable, ""
		}
		return 0, ""
	}
	r.start()
	r.learn()
	fill(t, filepath.Join(dir, "other people's data"))
	for _, name := range []string{"s00", "s01"} {
		r.set(name, 1000)
		r.until("the alert is known on a full disk", func() bool { open, _ := r.open(name); return open })
	}
	r.set("s00", 10)
	r.until("and its end", func() bool { open, known := r.open("s00"); return known && !open })
	r.kill()
	r.start()
	r.until("the daemon starts on a full disk", r.learnt)
	r.set("s01", 10)
	r.until("an alert of before ends", func() bool { open, known := r.open("s01"); return known && !open })
	away.Store(false)
	r.until("everything is delivered", r.empty)
	r.judge(map[string]int{"s00": 1, "s01": 1}, 1, 0)
	r.until("the daemon says that baselines can't be kept", func() bool {
		return strings.Contains(r.stderr.String(), "no space left on device")
	})
}

// fill writes until there is no room.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1 << 20, 4 << 10, 1} {
		for err = nil; err == nil; {
			_, err = f.Write(bytes.Repeat([]byte{7}, size))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
