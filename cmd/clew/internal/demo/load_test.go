package demo

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clewhq/clew/cmd/clew/internal/shop"
)

// till serves a gateway that does what serve does with each purchase.
func till(t *testing.T, serve func(w http.ResponseWriter, p shop.Purchase)) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var p shop.Purchase
		if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
			t.Error(err)
		}
		serve(w, p)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// receipt answers a purchase as the shop does.
func receipt(t *testing.T, w http.ResponseWriter, id string) {
	w.WriteHeader(http.StatusCreated)
	if err := json.NewEncoder(w).Encode(shop.Receipt{ID: id, Cents: 1, Entry: 1}); err != nil {
		t.Error(err)
	}
}

func TestLoadKnowsEveryPayment(t *testing.T) {
	var mu sync.Mutex
	served := map[string]bool{}
	url := till(t, func(w http.ResponseWriter, p shop.Purchase) {
		mu.Lock()
		defer mu.Unlock()
		served[p.ID] = true
		receipt(t, w, p.ID)
	})
	told := 0
	ctx, cancel := context.WithCancel(t.Context())
	sent := load{url: url, prefix: "x", rate: 500, last: time.Minute}.run(ctx, t.Context(), func(n int) {
		if told++; n != told {
			t.Errorf("told %d after %d", n, told-1)
		}
		if n == 50 {
			cancel()
		}
	})
	if len(sent) < 50 || len(sent) != len(served) || len(sent) != told {
		t.Fatalf("%d sent, %d served, %d told", len(sent), len(served), told)
	}
	for i, s := range sent {
		if s.Err != nil || !served[s.ID] {
			t.Errorf("%s: %v, served: %v", s.ID, s.Err, served[s.ID])
		}
		if i > 0 && sent[i-1].ID >= s.ID {
			t.Errorf("%s comes after %s", s.ID, sent[i-1].ID)
		}
	}
}

// However slow the shop is, no more than inFlight payments are under way; all of them are waited for.
func TestLoadIsBounded(t *testing.T) {
	var now, most atomic.Int64
	var full sync.Once
	release := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	url := till(t, func(w http.ResponseWriter, p shop.Purchase) {
		n := now.Add(1)
		defer now.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		if n == inFlight {
			full.Do(func() { cancel(); close(release) })
		}
		<-release
		receipt(t, w, p.ID)
	})
	sent := load{url: url, prefix: "x", rate: 1000, last: time.Minute}.run(ctx, t.Context(), func(int) {})
	if got := most.Load(); got != inFlight {
		t.Errorf("%d at a time, want %d", got, inFlight)
	}
	for _, s := range sent {
		if s.Err != nil {
			t.Errorf("%s: %v", s.ID, s.Err)
		}
	}
}

// Payments that hang are given up when the shop has fallen.
func TestLoadEndsWithTheShop(t *testing.T) {
	alive, fall := context.WithCancel(t.Context())
	hang := make(chan struct{})
	url := till(t, func(http.ResponseWriter, shop.Purchase) {
		fall()
		<-hang
	})
	defer close(hang)
	sent := load{url: url, prefix: "x", rate: 10, last: time.Minute}.run(t.Context(), alive, func(int) {})
	if len(sent) != 1 || sent[0].Err == nil {
		t.Errorf("sent %v, want one that failed", sent)
	}
}

func TestPayRefusesWrongAnswers(t *testing.T) {
	for name, serve := range map[string]func(w http.ResponseWriter, p shop.Purchase){
		"a failure":      func(w http.ResponseWriter, _ shop.Purchase) { http.Error(w, "no", http.StatusBadGateway) },
		"another's":      func(w http.ResponseWriter, _ shop.Purchase) { receipt(t, w, "y") },
		"no JSON":        func(w http.ResponseWriter, _ shop.Purchase) { w.WriteHeader(http.StatusCreated) },
		"another status": func(http.ResponseWriter, shop.Purchase) {},
	} {
		t.Run(name, func(t *testing.T) {
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			if err := pay(t.Context(), client, till(t, serve), shop.Purchase{ID: "x"}); err == nil {
				t.Error("taken for a payment")
			}
		})
	}
}
