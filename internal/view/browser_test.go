package view

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/clewhq/clew/internal/browsertest"
	"github.com/clewhq/clew/internal/store"
)

// TestBrowser walks through the page by its keys alone, in a real browser.
func TestBrowser(t *testing.T) {
	with, without := store.NewMemory(0), store.NewMemory(0)
	put(t, with, 1, hop{1, 0, "gateway", "GET /health", tracepb.Span_SPAN_KIND_SERVER, 0, 1, nil})
	put(t, with, 2, payment()...)
	put(t, without, 3, control()...)
	server := httptest.NewServer(New(func() []Run {
		return []Run{{Name: "with clew", Source: with}, {Name: "without", Control: true, Source: without}}
	}, Options{}))
	defer server.Close()
	p := browsertest.Open(t, 1400, 900)

	p.Goto(server.URL)
	wantText(t, p.Text("#lists"), "with clew", "POST /pay", "GET /health", "✓ complete", "without", "◌ 1 lost")

	// j, j, k: to the second and back to the first; Enter opens it.
	p.Press("j", "j", "k", "Enter")
	p.Wait(`document.querySelectorAll('#tree tbody tr').length === 6`)
	for i, h := range payment() {
		row := p.Text(fmt.Sprintf("#tree tbody tr:nth-child(%d)", i+1))
		if !strings.Contains(row, h.name) || !strings.Contains(row, h.service) {
			t.Errorf("row %d is %q, want %s of %s", i+1, row, h.name, h.service)
		}
	}
	var at string
	p.Eval("location.hash", &at)
	if want := "#trace=" + traceID(2); at != want {
		t.Errorf("the address ends in %q, want %q", at, want)
	}

	// The focus went along: two down is the third row, Enter shows its details.
	p.Wait(`document.activeElement.textContent === 'POST /pay' && document.activeElement.closest('#tree')`)
	p.Press("j", "j", "Enter")
	p.Wait(`document.querySelector('#tree .detail')`)
	wantText(t, p.Text("#tree .detail"), "http.route", "/book", "no such account", "retried")

	// A new transaction comes by itself, and what is open stays open.
	put(t, with, 4, hop{1, 0, "gateway", "GET /new", tracepb.Span_SPAN_KIND_SERVER, 0, 1, nil})
	p.Wait(`document.querySelector('#lists').innerText.includes('GET /new')`)
	p.Wait(`document.activeElement.textContent === 'POST /book' && document.querySelector('#tree .detail')`)

	// Escape goes back to the list, to the transaction it came from.
	p.Press("Escape")
	p.Wait(`!document.querySelector('#tree') && document.activeElement.textContent.includes('POST /pay')`)
	p.Eval("history.back()", nil)
	p.Wait(`document.querySelector('#tree')`)
	p.Press("Escape")
	p.Wait(`!document.querySelector('#tree')`)

	// The filter.
	p.Press("/", "h", "e", "a", "l", "Enter")
	p.Wait(`document.querySelectorAll('#lists a.row').length === 1`)
	wantText(t, p.Text("#lists"), "GET /health", "No transaction fits the filter")

	// An address that was sent to somebody opens at the same place.
	p.Goto(server.URL + "/?again#trace=" + traceID(3) + "&span=" + spanID(99))
	p.Wait(`document.querySelector('#tree .detail')`)
	wantText(t, p.Text("#tree"), "lost span "+spanID(99), "1 span named this one as parent", "POST /book")

	if problems := p.Problems(); problems != "" {
		t.Errorf("the page has problems:\n%s", problems)
	}
}

// TestBrowserHostile shows names and values made to be run, and a tree too
// large to show at once.
func TestBrowserHostile(t *testing.T) {
	m := store.NewMemory(0)
	evil := `<img src=x onerror="console.error('ran')"><script>console.error('ran')</script>javascript:console.error('ran')`
	hops := []hop{{1, 0, evil, evil, 0, 0, 5000, nil}}
	for i := range uint64(1200) {
		hops = append(hops, hop{i + 2, i + 1, "s", "__proto__", 0, int64(i), 5000, nil})
	}
	put(t, m, 1, hops...)
	server := httptest.NewServer(New(Single(m), Options{}))
	defer server.Close()
	p := browsertest.Open(t, 1400, 900)
	p.Goto(server.URL + "/#trace=" + traceID(1) + "&q=" + strings.Repeat("%3Cscript%3E", 3))
	p.Wait(`document.querySelectorAll('#tree tbody tr').length === 500`)
	if got := p.Text("#tree tbody tr:first-child bdi"); got != evil {
		t.Errorf("the name is shown as %q, want it letter by letter", got)
	}
	p.Eval(`document.querySelector('.pages a').click()`, nil)
	p.Wait(`document.querySelector('#tree tbody td').innerText === '501'`)
	var first []string
	p.Eval(`[...document.querySelectorAll('img, script:not([src]), [onerror]')].map((e) => e.outerHTML)`, &first)
	if diff := cmp.Diff([]string{}, first); diff != "" {
		t.Errorf("elements made of names (-want +got):\n%s", diff)
	}
	if problems := p.Problems(); problems != "" {
		t.Errorf("the page has problems:\n%s", problems)
	}
}

// TestBrowserWithoutScript reads list and tree with scripts switched off.
func TestBrowserWithoutScript(t *testing.T) {
	server := httptest.NewServer(New(twoRuns(t), Options{}))
	defer server.Close()
	p := browsertest.Open(t, 1400, 900)
	p.WithoutScripts()
	p.Goto(server.URL)
	p.Follow("#lists a.row")
	p.Wait(`document.querySelectorAll('#tree tbody tr').length === 6`)
	p.Follow("#tree tbody tr:nth-child(3) a.row")
	p.Wait(`document.querySelector('#tree .detail')`)
	wantText(t, p.Text("#tree .detail"), "no such account")
	if live := p.Text("#live"); live != "" {
		t.Errorf("the script ran: %q", live)
	}
}
