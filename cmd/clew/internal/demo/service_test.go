package demo

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// actAs starts the test binary in a part; see play.
func actAs(t *testing.T, part string) (*service, error) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s, err := startService(t.Context(), "ledger", []string{exe}, append(os.Environ(), actor+"="+part))
	if err == nil {
		t.Cleanup(s.kill)
	}
	return s, err
}

func TestServiceStops(t *testing.T) {
	s, err := actAs(t, "good")
	if err != nil {
		t.Fatal(err)
	}
	if s.url() != "http://127.0.0.1:1" || s.ready.Note != "played" {
		t.Errorf("ready %+v", s.ready)
	}
	if err := s.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if got := s.talk.lines(1); len(got) != 1 || got[0] != "heard stop" {
		t.Errorf("said %q", got)
	}
	if err := s.stop(); err != nil {
		t.Errorf("stop again: %v", err)
	}
}

func TestServiceFailures(t *testing.T) {
	for _, tt := range []struct {
		part string
		want []string
	}{
		{"dies at once", []string{"the ledger service (pid ", "exit status 2", "\n    first line\n    no such ledger"}},
		{"babbles", []string{"the ledger service (pid ", `said "hello\n"`}},
	} {
		t.Run(tt.part, func(t *testing.T) {
			_, err := actAs(t, tt.part)
			wantError(t, err, tt.want...)
		})
	}
	t.Run("fails to stop", func(t *testing.T) {
		s, err := actAs(t, "fails to stop")
		if err != nil {
			t.Fatal(err)
		}
		wantError(t, s.stop(), "the ledger service (pid ", "exit status 2", "spans could not be sent")
	})
	t.Run("does not heed", func(t *testing.T) {
		s, err := actAs(t, "does not heed")
		if err != nil {
			t.Fatal(err)
		}
		s.kill()
		var exit *exec.ExitError
		if err := s.proc.Err(); !errors.As(err, &exit) || exit.Exited() {
			t.Errorf("ended with %v, want a signal", err)
		}
	})
	t.Run("no such program", func(t *testing.T) {
		_, err := startService(t.Context(), "ledger", []string{"/nonexistent/clew"}, nil)
		wantError(t, err, "start the ledger service", "/nonexistent/clew")
	})
	t.Run("interrupted", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		_, err = startService(ctx, "ledger", []string{exe}, append(os.Environ(), actor+"=dies at once"))
		// Either end may be seen first; a service that ends because it was killed is not told of as one that died.
		if err == nil || (!errors.Is(err, context.Canceled) && !strings.Contains(err.Error(), "exit status 2")) {
			t.Errorf("error %v", err)
		}
	})
}

// A service that ends by itself takes the fleet with it, and the cause names it.
func TestFleetFalls(t *testing.T) {
	t.Setenv(actor, "dies when ready")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f := newFleet(t.Context(), []string{exe}, "", "")
	defer f.kill()
	_, err = f.start(t.Context(), "payment", nil)
	if err == nil { // its end may be seen before its word
		<-f.alive.Done()
		err = context.Cause(f.alive)
	}
	wantError(t, err, "the payment service (pid ", "exit status 2", "lost my books")
}

// What the user's environment says about telemetry must not reach the services, nor may the password be
// taken from it.
func TestFleetEnvironment(t *testing.T) {
	t.Setenv("OTEL_SDK_DISABLED", "true")
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://elsewhere.example")
	t.Setenv("CLEW_KEPT", "yes")
	f := newFleet(t.Context(), nil, "127.0.0.1:1", "127.0.0.1:2")
	env := strings.Join(f.environ(), "\n")
	if strings.Contains(env, "OTEL_") || !strings.Contains(env, "CLEW_KEPT=yes") {
		t.Errorf("environment:\n%s", env)
	}
	if other := newFleet(t.Context(), nil, "", ""); other.password == f.password || len(f.password) < 20 {
		t.Errorf("passwords %q and %q", f.password, other.password)
	}
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q, want %q in it", err, p)
		}
	}
}
