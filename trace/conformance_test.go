package trace_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/http/httputil"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clewhq/clew/trace"
)

// Handlers that use everything a ResponseWriter offers. Each must be answered the same with the
// middleware as without.
var exacting = map[string]http.HandlerFunc{
	"nothing":     func(http.ResponseWriter, *http.Request) {},
	"empty 204":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
	"no body":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) },
	"sniffed":     func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
	"long":        func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bytes.Repeat([]byte("x"), 100_000)) },
	"echo":        func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) },
	"unread":      func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "not read") },
	"redirect":    func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
	"file":        func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, "doc.go") },
	"superfluous": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(202); w.WriteHeader(500) },
	"read from": func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.Copy(w, io.LimitReader(strings.NewReader(strings.Repeat("y", 9000)), 8000))
	},
	"streamed": func(w http.ResponseWriter, _ *http.Request) {
		for i := range 3 {
			fmt.Fprintf(w, "%d\n", i)
			w.(http.Flusher).Flush()
		}
	},
	"trailers": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "Declared")
		fmt.Fprint(w, "body")
		w.Header().Set("Declared", "1")
		w.Header().Set(http.TrailerPrefix+"Late", "2")
	},
	"early hints": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusCreated)
	},
	"controlled": func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		fmt.Fprintln(w, c.SetReadDeadline(time.Now().Add(time.Minute)), c.SetWriteDeadline(time.Now().Add(time.Minute)), c.Flush())
	},
	"full duplex": func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, http.NewResponseController(w).EnableFullDuplex())
		http.NewResponseController(w).Flush() //nolint:errcheck // shown by what the client reads
		b, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %v", b, err)
	},
	"timeout within": func(w http.ResponseWriter, r *http.Request) {
		http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Inner", "1")
			_, _ = io.Copy(w, r.Body)
		}), time.Minute, "").ServeHTTP(w, r)
	},
	"timed out": func(w http.ResponseWriter, r *http.Request) {
		http.TimeoutHandler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
		}), time.Millisecond, "too late").ServeHTTP(w, r)
	},
	"proxied": func(w http.ResponseWriter, r *http.Request) {
		p := httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(*httputil.ProxyRequest) {}, Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			return &http.Response{
				StatusCode: http.StatusTeapot, Header: http.Header{"Content-Type": {"text/plain"}, "X-Backend": {r.Method}}, ContentLength: -1,
				Body: io.NopCloser(strings.NewReader("from behind")), Trailer: http.Header{"Checksum": {"7"}}, Request: r,
			}, nil
		})}
		p.ServeHTTP(w, r)
	},
	"part of a file": func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Range", "bytes=2-5")
		http.FileServer(http.Dir("testdata")).ServeHTTP(w, within(r, "/javapeer/Shop.java"))
	},
	"file by hand": func(w http.ResponseWriter, _ *http.Request) {
		f, err := os.Open("doc.go")
		if err != nil {
			panic(err)
		}
		defer func() { _ = f.Close() }()
		_, _ = io.CopyN(w, f, 100) // net/http has the kernel send it
	},
	"too much": func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, 3))
		fmt.Fprint(w, err)
	},
	"pushed": func(w http.ResponseWriter, _ *http.Request) {
		p, ok := w.(http.Pusher)
		fmt.Fprintln(w, ok)
		if ok {
			fmt.Fprintln(w, p.Push("/pushed.css", nil))
		}
	},
	"late panic": func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "a")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	},
	"early panic": func(http.ResponseWriter, *http.Request) { panic("boom") },
}

func TestResponsesAreTheSameAsWithout(t *testing.T) {
	for _, version := range []string{"HTTP/1.1", "HTTP/2", "h2c"} {
		for name, h := range exacting {
			for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
				t.Run(version+" "+method+" "+name, func(t *testing.T) {
					r := record(t)
					want := transcript(t, h, version, method)
					got := transcript(t, trace.Handler(h, trace.WithTracerProvider(r)), version, method)
					if d := cmp.Diff(want, got); d != "" {
						t.Errorf("(-without +with the middleware):\n%s", d)
					}
					if len(want) < 2 {
						t.Errorf("nothing was compared: %q", want)
					}
					eventually(t, func() bool { return len(r.spans.Ended()) == 1 })
				})
			}
		}
	}
}

// within is r, for another path.
func within(r *http.Request, path string) *http.Request {
	r = r.Clone(r.Context())
	r.URL.Path = path
	return r
}

// transcript is all that a client sees of a response.
func transcript(t *testing.T, h http.Handler, version, method string) (lines []string) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	silence(s)
	switch version {
	case "HTTP/2":
		s.EnableHTTP2 = true
		s.StartTLS()
	case "h2c":
		s.Config.Protocols = new(http.Protocols)
		s.Config.Protocols.SetUnencryptedHTTP2(true)
		s.Start()
		s.Client().Transport.(*http.Transport).Protocols = s.Config.Protocols
	default:
		s.Start()
	}
	defer s.Close()
	note := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error { note("%d %v", code, h); return nil },
	})
	req, err := http.NewRequestWithContext(ctx, method, s.URL+"/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Body = io.NopCloser(strings.NewReader("question"))
	}
	resp, err := s.Client().Transport.RoundTrip(req)
	if err != nil {
		note("no response: %T", err)
		return append(lines, "end")
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	resp.Header.Del("Date")
	note("%s %s, length %d, close %v, %v", resp.Proto, resp.Status, resp.ContentLength, resp.Close, resp.TransferEncoding)
	note("header %v", resp.Header)
	note("body %q, error %v", body, err != nil)
	note("trailer %v", resp.Trailer)
	return lines
}

// A handler that takes the connection over, as websockets do, has it to itself, both ways.
func TestHijackedConnection(t *testing.T) {
	r := record(t)
	url, _ := serve(t, trace.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		fmt.Fprint(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		_ = rw.Flush()
		line, err := rw.ReadString('\n')
		if err != nil {
			t.Error(err)
		}
		fmt.Fprint(rw, "you said "+line)
		_ = rw.Flush()
	}), trace.WithTracerProvider(r)))
	// The client's side of it goes through Transport.
	client := record(t)
	rt := trace.Transport(nil, trace.WithTracerProvider(client))
	req, err := http.NewRequestWithContext(bg, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "echo")
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	conn, ok := resp.Body.(io.ReadWriteCloser)
	if !ok || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%s with a body that is a %T", resp.Status, resp.Body)
	}
	fmt.Fprintln(conn, "hello")
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || answer != "you said hello\n" {
		t.Errorf("%q, %v", answer, err)
	}
	_ = conn.Close()
	out := client.span(t, "GET")
	if got := attrs(out.Attributes())["http.response.status_code"]; got != int64(101) {
		t.Errorf("client: status %v", got)
	}
	eventually(t, func() bool { return len(r.spans.Ended()) == 1 })
	in := r.span(t, "GET")
	if got, ok := attrs(in.Attributes())["http.response.status_code"]; ok {
		t.Errorf("server: status %v, which it cannot know", got)
	}
	wantParent(t, in, out.SpanContext())
}

// eventually waits for what the server does after the client has all it wants.
func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatal("not within 10 s")
		}
		time.Sleep(time.Millisecond)
	}
}

// Expect: 100-continue is answered when the handler begins to read, and only then.
func TestContinueIsTheHandlers(t *testing.T) {
	for _, read := range []bool{true, false} {
		url, _ := serve(t, trace.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if read {
				_, _ = io.Copy(w, r.Body)
			}
		})))
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
		in := bufio.NewReader(conn)
		line, err := in.ReadString('\n')
		if err != nil || strings.HasPrefix(line, "HTTP/1.1 100") != read {
			t.Errorf("read %v: %q, %v", read, line, err)
		}
		_ = conn.Close()
	}
}

// net/http removes a form's temporary files by the request that it knows.
func TestMultipartFilesAreRemoved(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	var during []string
	s := httptest.NewServer(trace.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := r.ParseMultipartForm(1); err != nil {
			t.Error(err)
		}
		during, _ = filepath.Glob(filepath.Join(dir, "multipart-*"))
	})))
	defer s.Close()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("f", "f.bin")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write(bytes.Repeat([]byte("x"), 11<<20))
	_ = form.Close()
	resp, err := s.Client().Post(s.URL, form.FormDataContentType(), &body)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	s.Close()
	if len(during) == 0 {
		t.Fatal("there was no temporary file: the test shows nothing")
	}
	for _, f := range during {
		if _, err := os.Stat(f); err == nil {
			t.Errorf("%s is still there", filepath.Base(f))
		}
	}
}

// The request's body is what the client sent, to the byte, and is counted.
func TestRequestBodyIsUntouched(t *testing.T) {
	r := record(t)
	sent := bytes.Repeat([]byte{0, 0xff, 'x'}, 50_000)
	url, c := serve(t, trace.Handler(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		got, err := io.ReadAll(req.Body)
		if err != nil || !slices.Equal(got, sent) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	}), trace.WithTracerProvider(r)))
	// Without a length, so that it has to be counted.
	resp, err := c.Post(url, "", io.MultiReader(bytes.NewReader(sent)))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if got := attrs(r.span(t, "POST").Attributes())["http.request.body.size"]; got != int64(len(sent)) {
		t.Errorf("size %v, want %d", got, len(sent))
	}
}
