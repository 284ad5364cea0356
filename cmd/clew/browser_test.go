package main

import (
	"fmt"
	"os"
	"testing"

	"github.com/clewhq/clew/cmd/clew/internal/shop"
	"github.com/clewhq/clew/internal/browsertest"
)

// TestDemoInBrowser looks at a running demo as a user does: the list has
// payments, and the first whole one, opened, names every hop.
func TestDemoInBrowser(t *testing.T) {
	p := browsertest.Open(t, 1400, 900)
	d := startDemo(t, nil, "--json", "--for", "1m", "--addr", "127.0.0.1:0")
	p.Goto(d.until(`page +(http://\S+)`))
	const whole = `[...document.querySelectorAll('#lists tr[data-trace]')].find((r) => /POST \/pay\s[^]*✓ complete/.test(r.innerText))`
	p.Wait(whole)
	p.Eval(whole+`.querySelector('a.row').click()`, nil)
	// Its last spans may still be on their way; the page puts them in as they come.
	for _, hop := range shop.Hops() {
		p.Wait(fmt.Sprintf(`[...document.querySelectorAll('#tree tbody tr')].some((r) => r.innerText.includes(%q) && r.innerText.includes(%q))`, hop.Name, hop.Service))
	}
	p.Wait(`document.querySelector('#tree .facts').innerText.includes('✓ complete')`)
	if problems := p.Problems(); problems != "" {
		t.Errorf("the page has problems:\n%s", problems)
	}
	if err := d.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if status := d.wait(); status != 0 {
		t.Errorf("exit status %d; it said:\n%s", status, d.said.String())
	}
	d.wantClean()
}
