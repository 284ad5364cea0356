package trace_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/codes"

	"github.com/clewhq/clew/trace"
)

// What stands around the middleware gives it another ResponseWriter than net/http's, or another
// request. Responses are the same there too.
func TestResponsesAreTheSameWithin(t *testing.T) {
	for around, wrap := range map[string]func(http.Handler) http.Handler{
		"TimeoutHandler":  func(h http.Handler) http.Handler { return http.TimeoutHandler(h, time.Minute, "late") },
		"MaxBytesHandler": func(h http.Handler) http.Handler { return http.MaxBytesHandler(h, 4) },
		"StripPrefix":     func(h http.Handler) http.Handler { return http.StripPrefix("/x", h) },
		"ServeMux": func(h http.Handler) http.Handler {
			m := http.NewServeMux()
			m.Handle("/{any...}", h)
			return m
		},
	} {
		for name, h := range exacting {
			t.Run(around+" "+name, func(t *testing.T) {
				r := record(t)
				want := transcript(t, wrap(h), "HTTP/1.1", http.MethodPost)
				got := transcript(t, wrap(trace.Handler(h, trace.WithTracerProvider(r))), "HTTP/1.1", http.MethodPost)
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("(-without +with the middleware):\n%s", d)
				}
				eventually(t, func() bool { return len(r.spans.Ended()) == 1 })
			})
		}
	}
}

// A handler that has taken the connection over and then panics leaves the connection to whoever has
// it, and the panic to the server.
func TestPanicAfterHijack(t *testing.T) {
	r := record(t)
	logged := make(chan string, 1)
	s := httptest.NewUnstartedServer(trace.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		go func() {
			defer func() { _ = conn.Close() }()
			<-logged // the handler is gone
			fmt.Fprint(conn, "still here\n")
		}()
		panic("after hijack")
	}), trace.WithTracerProvider(r)))
	s.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(writerFunc(func(b []byte) (int, error) {
		logged <- string(b)
		return len(b), nil
	}), nil), slog.LevelError)
	s.Start()
	defer s.Close()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || line != "still here\n" {
		t.Errorf("the connection said %q, %v", line, err)
	}
	span := r.span(t, "GET")
	if span.Status().Code != codes.Error || attrs(span.Attributes())["error.type"] != "string" {
		t.Errorf("status %v, attributes %v", span.Status(), span.Attributes())
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// Both sides of an HTTP/2 stream talk at the same time, each answer before the next question.
func TestDialogueOverHTTP2(t *testing.T) {
	r := record(t)
	s := httptest.NewUnstartedServer(trace.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		in := bufio.NewScanner(r.Body)
		_ = c.Flush()
		for in.Scan() {
			fmt.Fprintln(w, strings.ToUpper(in.Text()))
			_ = c.Flush()
		}
		w.Header().Set(http.TrailerPrefix+"Said", "goodbye")
	}), trace.WithTracerProvider(r)))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	questions, ask := io.Pipe()
	client := record(t)
	req, err := http.NewRequestWithContext(bg, http.MethodPost, s.URL, questions)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := trace.Transport(s.Client().Transport, trace.WithTracerProvider(client)).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(resp.Body)
	for _, word := range []string{"one", "two", "three"} {
		fmt.Fprintln(ask, word)
		if got, err := answers.ReadString('\n'); err != nil || got != strings.ToUpper(word)+"\n" {
			t.Errorf("%q was answered by %q, %v", word, got, err)
		}
	}
	if n := len(client.spans.Ended()); n != 0 {
		t.Errorf("%d spans ended while the stream was open", n)
	}
	_ = ask.Close()
	if rest, err := io.ReadAll(answers); err != nil || len(rest) != 0 {
		t.Errorf("at the end %q, %v", rest, err)
	}
	_ = resp.Body.Close()
	if resp.ProtoMajor != 2 || resp.Trailer.Get("Said") != "goodbye" {
		t.Errorf("%s, trailer %v", resp.Proto, resp.Trailer)
	}
	eventually(t, func() bool { return len(r.spans.Ended()) == 1 })
	wantParent(t, r.span(t, "POST"), client.span(t, "POST").SpanContext())
	if got := attrs(r.span(t, "POST").Attributes()); got["network.protocol.version"] != "2" || got["http.request.body.size"] != int64(14) {
		t.Errorf("attributes %v", got)
	}
}
