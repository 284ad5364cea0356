package report_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/clewhq/clew/ebpfprobe/report"
	"github.com/clewhq/clew/ebpfprobe/report/reporttest"
	"github.com/clewhq/clew/internal/browsertest"
)

// shown serves the page of a report and opens it in a browser.
func shown(t *testing.T, r *report.Report) *browsertest.Page {
	t.Helper()
	var b bytes.Buffer
	if err := report.HTML(&b, r); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(b.Bytes()) // the browser's problem, which the test sees
	}))
	t.Cleanup(server.Close)
	page := browsertest.Open(t, 1200, 900)
	page.Goto(server.URL)
	return page
}

// TestPage looks at the page as a reader does: the script draws under the page's
// own policy, names from the network are text, and a cell can be read by keys.
func TestPage(t *testing.T) {
	r := everything()
	r.Servers[0].Slow[0].Text = `SET <script>alert(1)</script> ?`
	page := shown(t, r)
	// Where GETs waited 180 ms, in the first second, there is a cell of 3, beside the fast ones.
	page.Eval(`document.querySelector('.heat').focus()`, nil)
	page.Press("ArrowRight")
	for range 60 {
		if strings.Contains(page.Text(".cell"), "3 requests of 134 ms to") {
			break
		}
		page.Press("ArrowUp")
	}
	if got := page.Text(".cell"); !strings.Contains(got, "wait: 3 requests of 134 ms to 201 ms, 0 s to 1 s") {
		t.Errorf("the cell of the GETs that waited says %q", got)
	}
	var colours int
	page.Eval(`(() => {
		const c = document.querySelector('.heat'), d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
		const seen = new Set();
		for (let i = 0; i < d.length; i += 4) if (d[i + 3] === 255) seen.add(d[i] + ',' + d[i + 1] + ',' + d[i + 2]);
		return seen.size;
	})()`, &colours)
	if colours < 3 {
		t.Errorf("%d colours on the heat map", colours)
	}
	page.Eval(`(() => { const s = document.querySelector('.choose'); s.value = '2'; s.dispatchEvent(new Event('change')); })()`, nil)
	if got := page.Text(".most"); got != "1" {
		t.Errorf("EVAL alone: at most %q requests in a cell, want 1", got)
	}
	if text := page.Text("body"); !strings.Contains(text, `SET <script>alert(1)</script> ?`) || !strings.Contains(text, `evil\x1b[31m`) {
		t.Errorf("names are not shown as text:\n%s", text)
	}
	if got := page.Problems(); got != "" {
		t.Errorf("problems: %s", got)
	}
}

func TestPageWithoutScripts(t *testing.T) {
	var b bytes.Buffer
	if err := report.HTML(&b, reporttest.Over(7)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"9 GETs and 3 SETs waited 90.0–198 ms behind EVAL", "<noscript>", "redis-server, port 6379, pid 4711", `<td class="n">180 ms</td>`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in the page", want)
		}
	}
	for _, not := range []string{"http://", "https://", "unsafe-inline", " style="} {
		if strings.Contains(b.String(), not) {
			t.Errorf("%q in the page", not)
		}
	}
}

func TestPageOfNothing(t *testing.T) {
	page := shown(t, &report.Report{Servers: []report.Server{{Name: "redis-server", PID: 1}}})
	if got := page.Text("h2"); got != "redis-server, pid 1" {
		t.Errorf("headline %q", got)
	}
	if got := page.Problems(); got != "" {
		t.Errorf("problems: %s", got)
	}
}
