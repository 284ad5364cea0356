package demo

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/clewhq/clew/heapdiff"
	"github.com/clewhq/clew/heapdiff/report"
	"github.com/clewhq/clew/internal/cli"
)

// heapPath is where the page has the report on the ledger's heap.
const heapPath = "heap"

// heapPage is the report on the ledger's heap, once there is one.
type heapPage struct{ html atomic.Pointer[[]byte] }

// show renders what was seen of the heap.
func (p *heapPage) show(h *ledgerHeap) error {
	if h.delta == nil {
		return nil
	}
	var html bytes.Buffer
	if err := report.HTML(&html, h.delta, report.Options{}); err != nil {
		return fmt.Errorf("render the report on the ledger's heap: %w", err)
	}
	all := html.Bytes()
	p.html.Store(&all)
	return nil
}

// heapPolicy lets the report run what is written in it, and load nothing.
const heapPolicy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func (p *heapPage) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	html := p.html.Load()
	if html == nil {
		http.Error(w, "the ledger is still watched; its report comes when the payments with clew are over", http.StatusNotFound)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", heapPolicy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	_, _ = w.Write(*html) // a browser that has hung up needs none
}

// KeepHeap writes the snapshots of the ledger's heap and the report on them into a directory, which it makes.
// heapdiff can be run on the snapshots.
func (r *Report) KeepHeap(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for _, s := range r.heap.snapshots {
		write := func(w io.Writer) error { return heapdiff.WriteSummary(w, s) }
		if err := cli.WriteFile(filepath.Join(dir, s.Source+".hds"), write); err != nil {
			return err
		}
	}
	if r.heap.delta == nil {
		return nil
	}
	return cli.WriteFile(filepath.Join(dir, "ledger.html"), func(w io.Writer) error {
		return report.HTML(w, r.heap.delta, report.Options{})
	})
}
