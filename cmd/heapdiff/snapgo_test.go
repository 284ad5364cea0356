package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clewhq/clew/heapdiff"
	"github.com/clewhq/clew/internal/cli"
)

// TestSnapURL watches a process whose every profile shows another collection, and
// reads what was written.
func TestSnapURL(t *testing.T) {
	collections := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/debug/pprof/heap" {
			http.NotFound(w, r)
			return
		}
		collections++
		fmt.Fprintf(w, "heap profile: 1: 1 [1: 1] @ heap/2\n5: 500 [5: 500] @ 0x1001\n#\t0x1000\tmain.f+0x1\t/x.go:1\n\n# NumGC = %d\n", collections)
	}))
	defer srv.Close()
	dir := t.TempDir()
	var out, errs bytes.Buffer
	s := cli.Streams{In: strings.NewReader(""), Out: bufio.NewWriter(&out), Err: &errs}
	status := cli.Run(t.Context(), run, s, []string{"snap", srv.URL, "--profiles", "3", "--every", "1ms", "-o", filepath.Join(dir, "shop.hds")})
	if status != 0 || errs.Len() > 0 {
		t.Fatalf("status %d: %s", status, errs.String())
	}
	for n := 1; n <= 3; n++ {
		file := filepath.Join(dir, fmt.Sprintf("shop-%d.hds", n))
		if want := fmt.Sprintf("%s: 5 objects, 500 bytes, after %d garbage collections\n", file, n); !strings.Contains(out.String(), want) {
			t.Errorf("output %q lacks %q", out.String(), want)
		}
		got, err := heapdiff.Read(t.Context(), file, heapdiff.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got.Kind != heapdiff.KindGo || got.Bytes != 500 || got.Sampling.Runtime.NumGC != int64(n) || got.Time.IsZero() {
			t.Errorf("summary %d: %+v", n, got)
		}
	}
}

// TestSnapURLEnds: what was taken before an error is there, and the error told.
func TestSnapURLEnds(t *testing.T) {
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked > 1 {
			http.Error(w, "stopping", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, "heap profile: 1: 1 [1: 1] @ heap/2\n5: 500 [5: 500] @ 0x1001\n\n# NumGC = 1\n")
	}))
	defer srv.Close()
	file := filepath.Join(t.TempDir(), "x.hds")
	var out, errs bytes.Buffer
	s := cli.Streams{In: strings.NewReader(""), Out: bufio.NewWriter(&out), Err: &errs}
	status := cli.Run(t.Context(), run, s, []string{"snap", srv.URL, "--every", "1ms", "-o", file})
	if status != 2 || !strings.Contains(errs.String(), "profile 2 of 8: the server answered 503") || !strings.Contains(out.String(), "x-1.hds") {
		t.Errorf("status %d, stdout %q, stderr %q", status, out.String(), errs.String())
	}
}
