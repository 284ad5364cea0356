// Package natstest runs a real NATS server for tests, with JetStream, which tools/setup brings by way of
// the Go module proxy.
package natstest

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/clewhq/clew/internal/peertest"
)

// patience is how long a server may take to start on a machine that is busy.
const patience = 2 * time.Minute

// Start starts a server on loopback and returns its URL. args are further arguments of nats-server. It
// runs until the test ends. Where there is no NATS the test is skipped.
func Start(t testing.TB, args ...string) (url string) {
	t.Helper()
	program := filepath.Join(peertest.Distribution(t, "nats-server"), "bin", "nats-server")
	dir := t.TempDir()
	said := new(output)
	cmd := exec.Command(program, append([]string{"-a", "127.0.0.1", "-p", "-1", "-js", "-sd", dir, "--ports_file_dir", dir}, args...)...)
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is always killed
		close(gone)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may be gone
		<-gone
	})
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if url := listening(t, dir); url != "" {
			return url
		}
		select {
		case <-gone:
			t.Fatalf("nats-server ended:\n%s", said)
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.Fatalf("nats-server does not serve within %v:\n%s", patience, said)
	return ""
}

// listening returns the URL that the server has written into dir, once it has.
func listening(t testing.TB, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.ports"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		var ports struct{ Nats []string }
		if b, err := os.ReadFile(file); err == nil && json.Unmarshal(b, &ports) == nil && len(ports.Nats) > 0 {
			return ports.Nats[0]
		}
	}
	return ""
}

// output collects what a process says while others may read it.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}
