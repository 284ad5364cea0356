package trace_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/contrib/propagators/b3"
	"go.opentelemetry.io/contrib/propagators/jaeger"
	"go.opentelemetry.io/otel/propagation"

	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/pinpoint"
)

// examples are the headers that a Handler looks at, with a value that it understands.
var examples = map[string]string{
	"Traceparent":        exampleTraceparent,
	"Tracestate":         "pp=agent^1700000000000^1;1000;gw,vendor=x",
	"Baggage":            "user=alice;p=1,k=%20v",
	"B3":                 "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1-0000000000000001",
	"X-B3-Traceid":       "0af7651916cd43dd8448eb211c80319c",
	"X-B3-Spanid":        "b7ad6b7169203331",
	"X-B3-Parentspanid":  "0000000000000001",
	"X-B3-Sampled":       "1",
	"X-B3-Flags":         "1",
	"Uber-Trace-Id":      "0af7651916cd43dd8448eb211c80319c:b7ad6b7169203331:0:1",
	"Uberctx-K":          "v",
	"Pinpoint-Traceid":   "agent^1700000000000^1",
	"Pinpoint-Spanid":    "1234567890",
	"Pinpoint-Pspanid":   "-1234567890",
	"Pinpoint-Sampled":   "s0",
	"Pinpoint-Flags":     "0",
	"Pinpoint-Pappname":  "gateway",
	"Pinpoint-Papptype":  "1800",
	"Pinpoint-Host":      "shop.example",
	"User-Agent":         "curl/8",
	"X-Forwarded-For":    "192.0.2.1, 10.0.0.1",
	"X-Forwarded-Proto":  "https",
	"Content-Length":     "3",
	"X-Something-Better": "else",
}

// headerSet makes a header of the examples: some left out, some said twice, some damaged.
func headerSet(rnd *rand.Rand) http.Header {
	h := http.Header{}
	for _, name := range slices.Sorted(maps.Keys(examples)) {
		for rnd.IntN(3) == 0 {
			h[name] = append(h[name], damaged(rnd, examples[name]))
		}
	}
	return h
}

// damaged returns s, or something like it.
func damaged(rnd *rand.Rand, s string) string {
	b := []byte(s)
	for range rnd.IntN(4) {
		i := rnd.IntN(len(b) + 1)
		switch rnd.IntN(6) {
		case 0:
			b = b[:i]
		case 1:
			b = append(b, b[i:]...)
		case 2:
			b = slices.Insert(b, i, byte(rnd.Uint32()))
		case 3:
			b = slices.Insert(b, i, []byte(strings.Repeat(string(rune(rnd.IntN(0x250))), rnd.IntN(300)))...)
		case 4:
			b = slices.Insert(b, i, []byte("00-=;,^:%ff\r\n\xff")[rnd.IntN(14)])
		default:
			if i < len(b) {
				b[i] ^= 1 << rnd.IntN(8)
			}
		}
	}
	return string(b)
}

// gateway is a Handler whose handler makes a call of its own. It reads and writes all headers we know.
type gateway struct {
	h     http.Handler
	out   http.Header // what the call was sent with
	spans recorded
}

func newGateway(t testing.TB, opts ...trace.Option) *gateway {
	t.Helper()
	r := record(t)
	app := pinpoint.App{Name: "gateway"}
	opts = append(opts, trace.WithTracerProvider(r), trace.WithPropagator(propagation.NewCompositeTextMapPropagator(
		trace.Propagator(), b3.New(b3.WithInjectEncoding(b3.B3MultipleHeader|b3.B3SingleHeader)), jaeger.Jaeger{},
		pinpoint.Headers(app), pinpoint.TraceState(app))))
	g := &gateway{spans: r}
	c := trace.Transport(roundTripper(func(r *http.Request) (*http.Response, error) {
		g.out = r.Header
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
	}), opts...)
	g.h = trace.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call := httptest.NewRequestWithContext(r.Context(), http.MethodGet, "http://ledger.example/", nil)
		if resp, err := c.RoundTrip(call); err != nil {
			t.Error(err)
		} else {
			_ = resp.Body.Close()
		}
		w.Header().Set("X-Answer", "yes")
		w.WriteHeader(http.StatusAccepted)
	}), opts...)
	return g
}

// check serves a request with those headers: whatever is in them, the client gets what the handler
// made and nothing else, what goes out could not break a header out of its line, and the spans can be
// exported.
func (g *gateway) check(h http.Header) error {
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	req.Header = h.Clone()
	w := httptest.NewRecorder()
	g.h.ServeHTTP(w, req)
	if d := cmp.Diff(http.Header{"X-Answer": {"yes"}}, w.Header()); d != "" || w.Code != http.StatusAccepted {
		return fmt.Errorf("status %d, the client's header (-handler's +received):\n%s", w.Code, d)
	}
	if d := cmp.Diff(h, req.Header); d != "" {
		return fmt.Errorf("the request's own header was changed:\n%s", d)
	}
	for name, lines := range g.out {
		for _, line := range append(lines, name) {
			if i := strings.IndexFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }); i >= 0 {
				return fmt.Errorf("sent on %s: %q", name, line)
			}
		}
	}
	defer g.spans.spans.Reset()
	for _, s := range g.spans.spans.Ended() {
		for _, kv := range s.Attributes() {
			if !utf8.ValidString(kv.Value.String()) {
				return fmt.Errorf("attribute %s is %q", kv.Key, kv.Value.String())
			}
		}
	}
	if g.out.Get("Traceparent") == "" {
		return fmt.Errorf("the call was sent without a traceparent: %v", g.out)
	}
	return nil
}

func TestTenThousandHeaderSets(t *testing.T) {
	for name, opts := range map[string][]trace.Option{"trusted": nil, "linked": {trace.WithLinkedRemote()}} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t, opts...)
			handleErrors(t, func(error) {}) // the baggage package has something to say of each
			for seed := range uint64(5_000) {
				h := headerSet(rand.New(rand.NewPCG(seed, 7))) //nolint:gosec // to be the same each time
				if err := g.check(h); err != nil {
					t.Fatalf("seed %d, %q: %v", seed, h, err)
				}
			}
		})
	}
}

func FuzzHeaders(f *testing.F) {
	for name, value := range examples {
		f.Add(name + ":" + value)
	}
	f.Add("Traceparent:" + exampleTraceparent + "\nTracestate:pp=a^1^2;3\nBaggage:=;\nPinpoint-Traceid:^^")
	handleErrors(f, func(error) {})
	g := newGateway(f, trace.WithMaxBaggage(100))
	f.Fuzz(func(t *testing.T, lines string) {
		h := http.Header{}
		for line := range strings.SplitSeq(lines, "\n") {
			name, value, _ := strings.Cut(line, ":")
			h.Add(name, value)
		}
		if err := g.check(h); err != nil {
			t.Error(err)
		}
	})
}
