package trace_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/clewhq/clew/trace"
)

// TestMalformedHeaders: what cannot be read is ignored and counted by its header's name; what can be
// read is not.
func TestMalformedHeaders(t *testing.T) {
	long := "k=" + strings.Repeat("v", 600)
	tests := []struct {
		name    string
		opts    []trace.Option
		header  http.Header
		counted string // the header's name
		baggage int    // members that arrive
		caller  bool   // the span has the caller for a parent or a link
	}{
		{"none", nil, http.Header{}, "", 0, false},
		{"all right", nil, http.Header{"Traceparent": {exampleTraceparent}, "Tracestate": {"a=1"}, "Baggage": {"k=v,l=w"}}, "", 2, true},
		{"empty tracestate", nil, http.Header{"Traceparent": {exampleTraceparent}, "Tracestate": {""}}, "", 0, true},
		{"traceparent", nil, http.Header{"Traceparent": {"00-x"}}, "traceparent", 0, false},
		{"two traceparents", nil, http.Header{"Traceparent": {exampleTraceparent, exampleTraceparent}}, "traceparent", 0, false},
		{"tracestate", nil, http.Header{"Traceparent": {exampleTraceparent}, "Tracestate": {"no member"}}, "tracestate", 0, true},
		{"baggage", nil, http.Header{"Baggage": {"=;"}}, "baggage", 0, false},
		{"long baggage", nil, http.Header{"Baggage": {long}}, "", 1, false},
		{"baggage beyond 8192 bytes", nil, http.Header{"Baggage": {strings.Repeat("a=b,", 2049) + "c=d"}}, "baggage", 0, false},
		{"a stranger's", []trace.Option{trace.WithLinkedRemote()}, http.Header{"Traceparent": {exampleTraceparent}, "Baggage": {"k=v"}}, "", 1, true},
		{"a stranger's long baggage", []trace.Option{trace.WithLinkedRemote()}, http.Header{"Baggage": {long}}, "baggage", 0, false},
		{"no baggage wanted", []trace.Option{trace.WithMaxBaggage(0)}, http.Header{"Baggage": {"k=v"}}, "baggage", 0, false},
		{"more allowed", []trace.Option{trace.WithMaxBaggage(603), trace.WithLinkedRemote()}, http.Header{"Baggage": {long}}, "", 1, false},
		{
			"another propagator's",
			[]trace.Option{trace.WithPropagator(propagation.Baggage{}), trace.WithMaxBaggage(2)},
			http.Header{"Traceparent": {"00-x"}, "Baggage": {"k=v"}},
			"baggage", 0, false,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			mp, reader := meter(t)
			tp := record(t)
			var members int
			inner := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				members = baggage.FromContext(r.Context()).Len()
			})
			h := trace.Handler(inner, append(tt.opts, trace.WithMeterProvider(mp), trace.WithTracerProvider(tp))...)
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header = tt.header
			h.ServeHTTP(httptest.NewRecorder(), r)
			if members != tt.baggage {
				t.Errorf("%d members of baggage, want %d", members, tt.baggage)
			}
			if s := tp.span(t, "GET"); tt.caller != (s.Parent().IsValid() || len(s.Links()) > 0) {
				t.Errorf("the span knows of a caller: %v, want %v", !tt.caller, tt.caller)
			}
			got := map[string]int64{}
			if d, ok := collect(t, reader)["clew.trace.malformed_headers"].Data.(metricdata.Sum[int64]); ok {
				for _, p := range d.DataPoints {
					v, _ := p.Attributes.Value("clew.header")
					got[v.AsString()] += p.Value
				}
			}
			want := map[string]int64{}
			if tt.counted != "" {
				want[tt.counted] = 1
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("counted (-want +got):\n%s", diff)
			}
		})
	}
}
