package report

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"

	"github.com/clewhq/clew/internal/browsertest"
)

// The stacks of a Go program are a tree of calls, in which the accused one is marked.
func TestStackTree(t *testing.T) {
	got := stackTreeOf(profiles(t), &Options{})
	want := []htmlHolder{
		{Parent: -1, Name: "net/http.(*conn).serve", Bytes: 152_000, Before: 50_000, Objects: 152},
		{Parent: 0, Name: "net/http.serverHandler.ServeHTTP", Bytes: 150_000, Before: 50_000, Objects: 150},
		{Parent: 1, Name: "github.com/acme/shop/ledger.(*Book).Write", Bytes: 100_000, Objects: 100},
		{Parent: 2, Name: "github.com/acme/shop/ledger.(*Book).Append[...]", Bytes: 100_000, Objects: 100, Suspect: true},
		{Parent: 0, Name: "bufio.NewReaderSize", Bytes: 2000, Objects: 2},
		{Parent: 1, Name: "github.com/acme/shop/cache.(*Statements).render", Bytes: 50_000, Before: 50_000, Objects: 50},
		{Parent: 5, Name: "bytes.(*Buffer).Write", Bytes: 50_000, Before: 50_000, Objects: 50},
		{Parent: 6, Name: "bytes.growSlice", Bytes: 50_000, Before: 50_000, Objects: 50},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestStacksInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	var b bytes.Buffer
	if err := HTML(&b, profiles(t), Options{}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		_, _ = w.Write(b.Bytes())
	}))
	defer server.Close()
	p := browsertest.Open(t, 1200, 900)
	p.Goto(server.URL)
	p.Wait(`document.querySelectorAll("#flame .cell").length === 9`)
	var suspects, heads []string
	p.Eval(`[...document.querySelectorAll("#flame .suspect")].map(d => d.textContent)`, &suspects)
	if d := cmp.Diff([]string{"⚠ ledger.(*Book).Append[...]"}, suspects); d != "" {
		t.Errorf("marked (-want +got):\n%s", d)
	}
	p.Eval(`[...document.querySelectorAll("#classes ~ table th")].map(d => d.textContent)`, &heads)
	if d := cmp.Diff([]string{"stack, innermost call first", "growth", "bytes", "instances"}, heads); d != "" {
		t.Errorf("columns (-want +got):\n%s", d)
	}
	if problems := p.Problems(); problems != "" {
		t.Errorf("the browser reports %s", problems)
	}
}

// go tool pprof gets the stacks as they were.
func TestPprofOfStacks(t *testing.T) {
	var b bytes.Buffer
	if err := Pprof(&b, profiles(t), Options{}); err != nil {
		t.Fatal(err)
	}
	p, err := profile.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	var frames []string
	for _, l := range p.Sample[0].Location {
		frames = append(frames, l.Line[0].Function.Name)
	}
	want := "github.com/acme/shop/ledger.(*Book).Append[...] < github.com/acme/shop/ledger.(*Book).Write < net/http.serverHandler.ServeHTTP < net/http.(*conn).serve"
	if got := strings.Join(frames, " < "); got != want || p.Sample[0].Value[2] != 100_000 {
		t.Errorf("first sample %v of %s, want a growth of 100000 of %s", p.Sample[0].Value, got, want)
	}
}
