package trace

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// inner notes which of its methods were called. It has all of the optional ones; the tests hide some.
type inner struct {
	http.ResponseWriter
	calls []string
}

func (w *inner) Flush() { w.calls = append(w.calls, "Flush") }
func (w *inner) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.calls = append(w.calls, "Hijack")
	return nil, nil, nil
}

func (w *inner) ReadFrom(r io.Reader) (int64, error) {
	w.calls = append(w.calls, "ReadFrom")
	return io.Copy(w.ResponseWriter, r)
}

func (w *inner) Push(string, *http.PushOptions) error {
	w.calls = append(w.calls, "Push")
	return nil
}

func (w *inner) CloseNotify() <-chan bool {
	w.calls = append(w.calls, "CloseNotify")
	return nil
}

func TestShapesAreExactlyTheInnerOnes(t *testing.T) {
	for s := range shape(1 << 5) {
		in := &inner{ResponseWriter: httptest.NewRecorder()}
		// The generated types serve as the inner writer too: their own exactness is checked first.
		w := writerWithShape(&recorder{ResponseWriter: in}, s)
		checkShape(t, w, s)
		in.calls = nil
		outer := &recorder{ResponseWriter: w}
		checkShape(t, outer.shaped(), s)
		var want []string
		for i, name := range []string{"Flush", "Hijack", "ReadFrom", "Push", "CloseNotify"} {
			if s>>i&1 != 0 {
				want = append(want, name)
			}
		}
		if got := strings.Join(in.calls, " "); got != strings.Join(want, " ") {
			t.Errorf("shape %05b: the inner writer saw %q, want %q", s, got, want)
		}
	}
}

// checkShape checks that w has the interfaces of s and no others, and calls them.
func checkShape(t *testing.T, w http.ResponseWriter, s shape) {
	t.Helper()
	check := func(name string, c shape, has bool, call func()) {
		if want := s&c != 0; has != want {
			t.Errorf("shape %05b: %s: %v, want %v", s, name, has, want)
		} else if has {
			call()
		}
	}
	f, ok := w.(http.Flusher)
	check("Flusher", canFlush, ok, func() { f.Flush() })
	_, ok = w.(interface{ FlushError() error })
	check("FlushError", canFlush, ok, func() {})
	h, ok := w.(http.Hijacker)
	check("Hijacker", canHijack, ok, func() { _, _, _ = h.Hijack() })
	r, ok := w.(io.ReaderFrom)
	check("ReaderFrom", canReadFrom, ok, func() { _, _ = r.ReadFrom(strings.NewReader("x")) })
	p, ok := w.(http.Pusher)
	check("Pusher", canPush, ok, func() { _ = p.Push("/", nil) })
	//nolint:staticcheck // deprecated, but there
	c, ok := w.(http.CloseNotifier)
	check("CloseNotifier", canCloseNotify, ok, func() { c.CloseNotify() })
	if _, ok := w.(interface{ Unwrap() http.ResponseWriter }); !ok {
		t.Errorf("shape %05b: no Unwrap", s)
	}
}

func TestShapingDoesNotAllocate(t *testing.T) {
	x := &exchange{}
	x.ResponseWriter = &inner{}
	var w http.ResponseWriter
	if n := testing.AllocsPerRun(100, func() { w = x.shaped() }); n != 0 {
		t.Errorf("%v allocations for a %T", n, w)
	}
}

func TestShapesAreGenerated(t *testing.T) {
	out := filepath.Join(t.TempDir(), "shapes.go")
	if b, err := exec.Command("go", "run", "./internal/genshapes", "http", out).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	want, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("shapes.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("shapes.go is not what go generate makes")
	}
}

func TestRecorder(t *testing.T) {
	for _, c := range []struct {
		name  string
		write func(w http.ResponseWriter)
		code  int32
		size  int64
	}{
		{"nothing", func(http.ResponseWriter) {}, 0, 0},
		{"body alone", func(w http.ResponseWriter) { _, _ = w.Write([]byte("abc")) }, 200, 3},
		{"string", func(w http.ResponseWriter) { _, _ = io.WriteString(w, "abc") }, 200, 3},
		{"copy", func(w http.ResponseWriter) { _, _ = io.Copy(w, struct{ io.Reader }{strings.NewReader("abcd")}) }, 200, 4},
		{"flush alone", func(w http.ResponseWriter) { w.(http.Flusher).Flush() }, 200, 0},
		{"controlled flush", func(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }, 200, 0},
		{"first header counts", func(w http.ResponseWriter) { w.WriteHeader(404); w.WriteHeader(500) }, 404, 0},
		{"header after body", func(w http.ResponseWriter) { _, _ = w.Write(nil); w.WriteHeader(500) }, 200, 0},
		{"early hints", func(w http.ResponseWriter) { w.WriteHeader(103); w.WriteHeader(201) }, 201, 0},
		{"switching protocols", func(w http.ResponseWriter) { w.WriteHeader(101) }, 101, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &recorder{ResponseWriter: &inner{ResponseWriter: httptest.NewRecorder()}}
			c.write(r.shaped())
			if r.code.Load() != c.code || r.size.Load() != c.size {
				t.Errorf("status %d and %d bytes, want %d and %d", r.code.Load(), r.size.Load(), c.code, c.size)
			}
		})
	}
}

// failing fails like a connection that is gone.
type failing struct{ http.ResponseWriter }

var errGone = errors.New("gone")

func (failing) Write([]byte) (int, error) { return 0, errGone }
func (failing) FlushError() error         { return errGone }
func (failing) Flush()                    {}

func TestRecorderPassesErrorsOn(t *testing.T) {
	w := (&recorder{ResponseWriter: failing{httptest.NewRecorder()}}).shaped()
	if _, err := w.Write([]byte("a")); !errors.Is(err, errGone) {
		t.Errorf("Write: %v", err)
	}
	if _, err := io.WriteString(w, "a"); !errors.Is(err, errGone) {
		t.Errorf("WriteString: %v", err)
	}
	if err := http.NewResponseController(w).Flush(); !errors.Is(err, errGone) {
		t.Errorf("Flush: %v", err)
	}
}
