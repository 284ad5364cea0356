package browsertest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestPageReportsProblems makes sure that a test of a page that says "no
// problems" would have heard of one.
func TestPageReportsProblems(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		switch req.URL.Path {
		case "/good":
			w.Header().Set("Content-Security-Policy", "default-src 'none'; img-src 'self' data:")
			_, _ = io.WriteString(w, `<link rel="icon" href="data:,"><title>t</title><p id="here">I am <b>here</b></p><input id="in">`)
		case "/bad":
			w.Header().Set("Content-Security-Policy", "script-src 'self'; require-trusted-types-for 'script'")
			_, _ = io.WriteString(w, `<link rel="icon" href="data:,"><p onclick="x()">p</p><script src="/bad.js"></script><script src="/none.js"></script>`)
		case "/bad.js":
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = io.WriteString(w, `console.error('shouted'); document.body.innerHTML = '<b>'; `)
		default:
			http.NotFound(w, req)
		}
	}))
	defer server.Close()
	p := Open(t, 800, 600)
	p.Goto(server.URL + "/good")
	if got := p.Text("#here"); got != "I am here" {
		t.Errorf("text %q, want %q", got, "I am here")
	}
	if got := p.Text("#nowhere"); got != "" {
		t.Errorf("text of nothing %q", got)
	}
	p.Eval("document.getElementById('in').focus()", nil)
	p.Press("j", "k", "Enter")
	var typed string
	p.Eval("document.getElementById('in').value", &typed)
	if typed != "jk" {
		t.Errorf("typed %q, want jk", typed)
	}
	if got := p.Problems(); got != "" {
		t.Errorf("problems of a good page: %s", got)
	}
	p.Goto(server.URL + "/bad")
	problems := p.Problems()
	for _, want := range []string{"shouted", "script-src-attr", "TrustedHTML", "policy violated", "404"} {
		if !strings.Contains(problems, want) {
			t.Errorf("problems of a bad page lack %q:\n%s", want, problems)
		}
	}
}
