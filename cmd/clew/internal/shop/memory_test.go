package shop

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The cache gives the same statement again and forgets the oldest; the trail forgets nothing.
func TestLedgerMemory(t *testing.T) {
	cache := statements{byCard: map[string][]byte{}}
	first := cache.of("card-0")
	if again := cache.of("card-0"); &again[0] != &first[0] || !strings.HasPrefix(string(first), "CARD-0\x00") {
		t.Errorf("card-0 was rendered anew, or as %.10q", first)
	}
	var trail audit
	for n := range 2 * maxStatements {
		trail.keep(booking{ID: fmt.Sprint(n), Card: fmt.Sprintf("card-%d", n)})
		cache.of(fmt.Sprintf("card-%d", n))
	}
	if len(cache.byCard) != maxStatements || len(cache.cards) != maxStatements || cache.byCard["card-0"] != nil {
		t.Errorf("%d statements of %d cards", len(cache.byCard), len(cache.cards))
	}
	if len(trail.records) != 2*maxStatements || len(trail.records[0]) != auditBytes {
		t.Errorf("%d records", len(trail.records))
	}
}

// A heap profile of the service tells of both by the names that Leak and Cache say.
func TestHeapProfileNamesLeakAndCache(t *testing.T) {
	if !strings.HasSuffix(Leak(), "/shop.(*audit).keep") || !strings.HasSuffix(Cache(), "/shop.(*statements).render") {
		t.Fatalf("leak %s, cache %s", Leak(), Cache())
	}
	var trail audit
	cache := statements{byCard: map[string][]byte{}}
	for n := range 2000 { // at one sample in 512 KiB both are sure to be seen
		trail.keep(booking{ID: fmt.Sprint(n)})
		cache.of(fmt.Sprintf("card-%d", n))
	}
	shop := http.NotFoundHandler()
	w := httptest.NewRecorder()
	withProfiles(shop, shop).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/debug/pprof/heap?debug=1&gc=1", nil))
	body, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{Leak(), Cache()} {
		if !strings.Contains(string(body), name+"+0x") {
			t.Errorf("the profile does not name %s", name)
		}
	}
	if len(trail.records) == 0 || len(cache.byCard) == 0 {
		t.Error("nothing is kept") // and so it is not collected before the profile
	}
}

// Only what is of the shop goes through the middleware: who watches a service leaves no spans there, even by
// asking for what it does not have.
func TestWatchersLeaveNoSpans(t *testing.T) {
	answer := func(status int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	}
	h := withProfiles(answer(http.StatusCreated), answer(http.StatusNotFound))
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{http.MethodPost, "/pay", http.StatusCreated},
		{http.MethodGet, "/metrics", http.StatusNotFound},
		{http.MethodGet, "/debug/pprof/heap", http.StatusOK},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(tt.method, tt.path, nil))
		if w.Code != tt.status {
			t.Errorf("%s %s: %d, want %d", tt.method, tt.path, w.Code, tt.status)
		}
	}
}
