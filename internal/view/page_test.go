package view

import (
	"testing"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/internal/store"
)

func TestStateOf(t *testing.T) {
	for _, tt := range []struct {
		want string
		sum  store.Summary
	}{
		{"✓ complete", store.Summary{Roots: 1, Kind: oteltrace.SpanKindServer}},
		{"✓ complete", store.Summary{Roots: 1, Kind: oteltrace.SpanKindConsumer}},
		{"· no request", store.Summary{Roots: 1, Kind: oteltrace.SpanKindInternal}},
		{"· no request", store.Summary{Roots: 1, Kind: oteltrace.SpanKindClient}},
		{"◌ 2 lost", store.Summary{Roots: 1, Lost: 2}},
		{"◌ 1 lost", store.Summary{Lost: 1}},
		{"◌ 1 lost, 3 roots", store.Summary{Lost: 1, Roots: 3}},
		{"◌ no root", store.Summary{}},
		{"◌ 4 dropped", store.Summary{Roots: 1, Dropped: 4}},
	} {
		st := stateOf(&Run{}, &tt.sum)
		if got := st.Symbol + " " + st.Text; got != tt.want {
			t.Errorf("state of %+v is %q, want %q", tt.sum, got, tt.want)
		}
	}
}
