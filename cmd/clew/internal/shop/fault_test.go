package shop

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/zscore/source"
)

func TestFault(t *testing.T) {
	p := &payment{}
	mux := http.NewServeMux()
	p.routes(mux)
	ask := func(method, target string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(method, target, nil))
		return w
	}
	for target, want := range map[string]int{"?delay=3ms": 200, "?delay=soon": 400, "?delay=-1s": 400, "?delay=1h": 400, "": 400} {
		if got := ask(http.MethodPut, FaultPath+target).Code; got != want {
			t.Errorf("PUT %s%s: %d, want %d", FaultPath, target, got, want)
		}
	}
	if got := time.Duration(p.fault.delay.Load()); got != 3*time.Millisecond {
		t.Errorf("the fault is %v, want 3ms", got)
	}
	for _, d := range []time.Duration{time.Millisecond, 3 * time.Millisecond, time.Minute} {
		p.latency.add(d)
	}
	page := ask(http.MethodGet, "/metrics").Body.String()
	for _, want := range []string{`_bucket{le="0.001"} 1`, `_bucket{le="0.005"} 2`, `_bucket{le="10"} 2`, `_bucket{le="+Inf"} 3`, "_sum 60.004", "_count 3"} {
		if !strings.Contains(page, LatencyMetric+want+"\n") {
			t.Errorf("the page lacks %s%s:\n%s", LatencyMetric, want, page)
		}
	}
	if _, err := source.ParseMatch(LatencyMetric); err != nil {
		t.Error(err)
	}
}
