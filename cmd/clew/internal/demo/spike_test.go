package demo

import (
	"context"
	"strings"
	"testing"

	"github.com/clewhq/clew/internal/fakeslack"
)

func TestCheckSpike(t *testing.T) {
	up := fakeslack.Post{Status: 200, Payload: fakeslack.Payload{Text: "🔴 payment-latency is up: 2 where 0.01 was expected"}}
	over := fakeslack.Post{Status: 200, Payload: fakeslack.Payload{Text: "✅ payment-latency is back to normal after 3 s"}}
	other := fakeslack.Post{Status: 200, Payload: fakeslack.Payload{Text: "🔴 spikewatch-input is absent"}}
	limited := over
	limited.Status = 429
	for _, c := range []struct {
		name string
		got  spike
		ok   bool
		says string
	}{
		{"told, and its end", spike{posts: []fakeslack.Post{up, over}}, true, "2 posts"},
		{"something else too", spike{posts: []fakeslack.Post{up, over, other}}, false, "3 posts"},
		{"something else first", spike{posts: []fakeslack.Post{other, over}}, false, "2 posts"},
		{"only told", spike{posts: []fakeslack.Post{up}, why: "no message came about its end"}, false, "no message came about its end; 1 posts"},
		{"refused", spike{posts: []fakeslack.Post{up, limited}}, false, "2 posts"},
		{"nothing", spike{}, false, "0 posts"},
	} {
		got, made := checkSpike(context.Background(), &evidence{spike: &c.got})
		if !made || got.OK != c.ok || !strings.Contains(got.Evidence, c.says) {
			t.Errorf("%s: %+v, made %v; want ok %v and %q", c.name, got, made, c.ok, c.says)
		}
	}
	if _, made := checkSpike(context.Background(), &evidence{}); made {
		t.Error("the check was made of a demo too short for it")
	}
}

// TestSlackShown draws the messages where the report has some.
func TestSlackShown(t *testing.T) {
	var out strings.Builder
	p := &printer{w: &out}
	p.slack(nil)
	if out.Len() > 0 {
		t.Errorf("without a fault: %s", &out)
	}
	p.slack(&spike{posts: []fakeslack.Post{{Payload: fakeslack.Payload{Text: "🔴 payment-latency is up"}}}})
	if !strings.Contains(out.String(), "  ┃ 🔴 payment-latency is up\n") {
		t.Errorf("drawn:\n%s", &out)
	}
}
