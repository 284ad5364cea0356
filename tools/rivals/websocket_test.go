package rivals

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	coder "github.com/coder/websocket"
	gorilla "github.com/gorilla/websocket"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/clewhq/clew/trace"
)

// TestWebsockets speaks websocket through Handler, and through Transport where the client takes one,
// with the libraries that people use. The server's span lasts as long as the conversation.
func TestWebsockets(t *testing.T) {
	for name, c := range map[string]struct {
		serve    http.HandlerFunc
		converse func(ctx context.Context, t *testing.T, url string, rt http.RoundTripper)
		spans    int
	}{
		"coder":   {echoByCoder, converseByCoder, 2},
		"gorilla": {echoByGorilla, converseByGorilla, 1},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			spans := tracetest.NewSpanRecorder()
			tp := trace.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))
			served := make(chan struct{})
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				trace.Handler(c.serve, tp).ServeHTTP(w, r)
				close(served)
			}))
			defer s.Close()
			c.converse(ctx, t, strings.Replace(s.URL, "http", "ws", 1), trace.Transport(nil, tp))
			select {
			case <-served:
			case <-ctx.Done():
				t.Fatal("the handler has not come back")
			}
			if n := len(spans.Ended()); n != c.spans {
				t.Errorf("%d spans ended, want %d", n, c.spans)
			}
		})
	}
}

var said = []string{"hello", strings.Repeat("long ", 30_000), "bye"}

func echoByCoder(w http.ResponseWriter, r *http.Request) {
	c, err := coder.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = c.CloseNow() }()
	c.SetReadLimit(1 << 20)
	for {
		kind, b, err := c.Read(r.Context())
		if err != nil || c.Write(r.Context(), kind, b) != nil {
			return
		}
	}
}

func converseByCoder(ctx context.Context, t *testing.T, url string, rt http.RoundTripper) {
	c, resp, err := coder.Dial(ctx, url, &coder.DialOptions{HTTPClient: &http.Client{Transport: rt}})
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("status %s", resp.Status)
	}
	c.SetReadLimit(1 << 20)
	for _, want := range said {
		if err := c.Write(ctx, coder.MessageText, []byte(want)); err != nil {
			t.Fatal(err)
		}
		if _, got, err := c.Read(ctx); err != nil || string(got) != want {
			t.Fatalf("%d bytes, %v, want %d", len(got), err, len(want))
		}
	}
	_ = c.Close(coder.StatusNormalClosure, "")
}

func echoByGorilla(w http.ResponseWriter, r *http.Request) {
	c, err := (&gorilla.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	for {
		kind, b, err := c.ReadMessage()
		if err != nil || c.WriteMessage(kind, b) != nil {
			return
		}
	}
}

func converseByGorilla(ctx context.Context, t *testing.T, url string, _ http.RoundTripper) {
	c, resp, err := gorilla.DefaultDialer.DialContext(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("status %s", resp.Status)
	}
	for _, want := range said {
		if err := c.WriteMessage(gorilla.TextMessage, []byte(want)); err != nil {
			t.Fatal(err)
		}
		if _, got, err := c.ReadMessage(); err != nil || string(got) != want {
			t.Fatalf("%d bytes, %v, want %d", len(got), err, len(want))
		}
	}
}
