package peertest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// witness is a test that records how Need ended it.
type witness struct {
	testing.TB
	skipped, failed string
}

func (w *witness) Helper() {}

func (w *witness) Skipf(format string, args ...any) {
	w.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (w *witness) Fatalf(format string, args ...any) {
	w.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// watched calls f on a goroutine of its own, which f may end.
func watched(f func(testing.TB)) *witness {
	w := new(witness)
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(w)
	}()
	<-done
	return w
}

func TestNeedFinds(t *testing.T) {
	dir := t.TempDir()
	want := filepath.Join(dir, "chromium-browser")
	if err := os.WriteFile(want, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	if got := Need(t, "chromium"); got != want {
		t.Errorf("Need = %q, want %q", got, want)
	}
}

func TestNeedMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	tests := []struct {
		name, peer, require     string
		wantSkipped, wantFailed string
	}{
		{"skips", "redis", "", "apt-get install redis-server", ""},
		{"skips when others are required", "redis", "node,chromium", "redis-server is not in PATH", ""},
		{"fails when required", "redis", "node,redis", "", "CLEW_TEST_REQUIRE requires redis"},
		{"fails on a name it does not know", "rediss", "", "", `knows no "rediss"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv(requireVar, tt.require)
			w := watched(func(tb testing.TB) { Need(tb, tt.peer) })
			check := func(what, got, want string) {
				if (want == "") != (got == "") || !strings.Contains(got, want) {
					t.Errorf("%s with %q, want %q", what, got, want)
				}
			}
			check("skipped", w.skipped, tt.wantSkipped)
			check("failed", w.failed, tt.wantFailed)
		})
	}
}
