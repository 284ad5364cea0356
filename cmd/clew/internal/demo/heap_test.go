package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/heapdiff"
)

// heapOf makes what is seen of a process whose functions leak and cache hold so many objects of a kilobyte,
// profile by profile.
func heapOf(t *testing.T, leak, cache []int64) *ledgerHeap {
	t.Helper()
	h := &ledgerHeap{}
	for i := range leak {
		s := &heapdiff.Snapshot{
			Kind: heapdiff.KindGo, Source: fmt.Sprintf("ledger-%d", i+1), Time: time.Unix(int64(i), 0),
			Generations: heapdiff.GenerationsUnknown, Sampling: &heapdiff.Sampling{Rate: 1},
		}
		for name, n := range map[string]int64{"shop.leak": leak[i], "shop.cache": cache[i]} {
			s.Classes = append(s.Classes, heapdiff.Class{
				Name: name, Stack: []string{name, "shop.main"}, Instances: n, ShallowBytes: n << 10,
				Sample: &heapdiff.Sample{InUse: n},
			})
		}
		h.snapshots = append(h.snapshots, s)
	}
	var err error
	if h.delta, err = heapdiff.Diff(h.snapshots...); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestJudgeHeap(t *testing.T) {
	leak, full, filling := []int64{0, 20, 40, 60, 80, 100}, []int64{0, 50, 50, 50, 50, 50}, []int64{0, 90, 180, 270, 360, 450}
	none := make([]int64, 6)
	short := heapOf(t, leak[:2], full[:2])
	short.err = errors.New("the server answered 503")
	for _, tt := range []struct {
		name string
		heap *ledgerHeap
		ok   bool
		says string
	}{
		{"a leak and a full cache", heapOf(t, leak, full), true, "shop.leak holds 0.10 MB"},
		{"nothing leaks", heapOf(t, full, full), false, "want shop.leak as the first suspect: No stack grew"},
		{"the cache grows too", heapOf(t, []int64{0, 200, 400, 600, 800, 1000}, filling), false, "the cache shop.cache is suspected"},
		{"the cache alone grows", heapOf(t, none, filling), false, "want shop.leak as the first suspect"},
		{"no cache", heapOf(t, leak, none), false, "holds nothing"},
		{"too few profiles", short, false, "2 snapshots of the ledger's heap, want 3: the server answered 503"},
		{"no profile", &ledgerHeap{err: errors.New("refused")}, false, "0 snapshots of the ledger's heap, want 3: refused"},
	} {
		got := judgeHeap(tt.heap, "shop.leak", "shop.cache")
		if got.OK != tt.ok || !strings.Contains(got.Evidence, tt.says) {
			t.Errorf("%s: %+v, want %v and %q", tt.name, got, tt.ok, tt.says)
		}
	}
}

// Where there was too little time for the cache to fill, or to look, nothing is said.
func TestLeakIsNotJudgedTooEarly(t *testing.T) {
	h := heapOf(t, []int64{0, 20, 40, 60, 80}, []int64{0, 5, 5, 5, 5})
	for _, tt := range []struct {
		heap        *ledgerHeap
		sent        int
		interrupted bool
		made        bool
	}{
		{h, 40, false, true},
		{h, 39, false, false},
		{h, 40, true, false},
		{&ledgerHeap{snapshots: h.snapshots[:2], err: context.Canceled}, 40, false, false},
		{&ledgerHeap{snapshots: h.snapshots[:2], err: errors.New("refused")}, 40, false, true},
	} {
		e := &evidence{with: &outcome{watched: tt.sent, cards: 10, heap: tt.heap}, interrupted: tt.interrupted}
		if _, made := checkLeak(t.Context(), e); made != tt.made {
			t.Errorf("%+v: made %v", tt, made)
		}
	}
}

func TestHeapPage(t *testing.T) {
	var page heapPage
	get := func() (int, string) {
		w := httptest.NewRecorder()
		page.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/"+heapPath, nil))
		body, err := io.ReadAll(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		return w.Code, string(body)
	}
	if err := page.show(&ledgerHeap{}); err != nil {
		t.Fatal(err)
	}
	if status, body := get(); status != http.StatusNotFound || !strings.Contains(body, "still watched") {
		t.Errorf("before: %d %q", status, body)
	}
	if err := page.show(heapOf(t, []int64{0, 20, 40, 60}, []int64{0, 5, 5, 5})); err != nil {
		t.Fatal(err)
	}
	if status, body := get(); status != http.StatusOK || !strings.Contains(body, "shop.leak") {
		t.Errorf("after: %d %.200q", status, body)
	}
}

func TestKeepHeap(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	r := &Report{heap: heapOf(t, []int64{0, 20, 40}, []int64{0, 5, 5})}
	if err := r.KeepHeap(dir); err != nil {
		t.Fatal(err)
	}
	got, err := heapdiff.Read(t.Context(), filepath.Join(dir, "ledger-3.hds"), heapdiff.Options{})
	if err != nil || !slices.ContainsFunc(got.Classes, func(c heapdiff.Class) bool { return c.Name == "shop.leak" && c.Instances == 40 }) {
		t.Errorf("ledger-3.hds: %+v, %v", got, err)
	}
	html, err := os.ReadFile(filepath.Join(dir, "ledger.html"))
	if err != nil || !strings.Contains(string(html), "shop.leak") {
		t.Errorf("ledger.html: %v, %.200q", err, html)
	}
}

func TestSampleRateIsAddedToGODEBUG(t *testing.T) {
	for _, tt := range []struct {
		env  []string
		want string
	}{
		{nil, "GODEBUG=memprofilerate=4096"},
		{[]string{"HOME=/", "GODEBUG=gctrace=1"}, "GODEBUG=gctrace=1,memprofilerate=4096"},
		{[]string{"GODEBUG="}, "GODEBUG=memprofilerate=4096"},
	} {
		if got := withSampleRate(tt.env); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.env, got, tt.want)
		}
	}
}
