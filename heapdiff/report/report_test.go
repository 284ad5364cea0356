package report

import (
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"
	"go.uber.org/goleak"

	"github.com/clewhq/clew/heapdiff"
	"github.com/clewhq/clew/internal/browsertest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// snapshot is a JVM heap in which n orders hang on a static field. One class has
// a name that a page must not take for markup.
func snapshot(source string, day int, n int64) *heapdiff.Snapshot {
	old := func(live, dead, size int64) *heapdiff.Population {
		return &heapdiff.Population{Live: live, Dead: dead, LiveBytes: live * size, DeadBytes: dead * size}
	}
	return &heapdiff.Snapshot{
		Kind: heapdiff.KindJVM, Source: source, Time: time.Date(2026, 1, day, 12, 0, 0, 0, time.UTC),
		Objects: n + 100, Bytes: n*1000 + 5000, Reached: true, LiveObjects: n, LiveBytes: n * 1000,
		Generations: heapdiff.GenerationsExact, Collector: "G1", Warnings: []string{},
		Classes: []heapdiff.Class{
			{Name: "shop.Order", Instances: n, ShallowBytes: n * 900, RetainedBytes: n * 1000, Old: old(n-7, 7, 900), Young: old(0, 0, 0)},
			{Name: "shop.</script><script>alert(1)</script>", Loader: "shop.PluginLoader", Instances: 3, ShallowBytes: 72, Old: old(3, 0, 24), Young: old(0, 0, 0)},
			{Name: "a.very.long.name.of.packages.that.nobody.would.write.by.hand.but.a.generator.does.StubbedProxyFactoryBeanProcessor", Instances: 1, ShallowBytes: 16, Old: old(0, 0, 0), Young: old(1, 0, 16)},
		},
		Holders: []heapdiff.Holder{
			{Label: "shop.Store.ORDERS", Class: "java.util.ArrayList", Static: true, Parent: -1, Objects: 1, RetainedBytes: n * 1000},
			{Label: "elementData", Class: "java.lang.Object[]", Parent: 0, Objects: 1, RetainedBytes: n*1000 - 24},
			{Label: "[]", Class: "shop.Order", Parent: 1, Objects: n, RetainedBytes: n * 990},
			{Label: `thread "main"`, Class: "java.lang.Thread", Parent: -1, Objects: 1, RetainedBytes: 4000},
		},
		Findings: []heapdiff.Finding{{Kind: "duplicate-strings", Subject: "byte[]", Count: 10, Bytes: 1000, Text: "10 arrays of text are the same | twice"}},
	}
}

// profiles are those of a Go program in which one stack leaks and another one,
// a cache, has filled.
func profiles(t testing.TB) *heapdiff.Delta {
	var all []*heapdiff.Snapshot
	for i := range int64(6) {
		s := &heapdiff.Snapshot{
			Kind: heapdiff.KindGo, Source: fmt.Sprintf("shop-%d.hds", i+1), Time: time.Date(2026, 1, 1, 12, int(i), 0, 0, time.UTC),
			Objects: 20*i + 60, Bytes: (20*i + 60) * 1000, Generations: heapdiff.GenerationsUnknown,
			Sampling: &heapdiff.Sampling{Rate: 1, Allocations: true}, Warnings: []string{"something is in doubt"},
		}
		for _, c := range []struct {
			n     int64
			stack []string
		}{
			{20 * i, []string{"github.com/acme/shop/ledger.(*Book).Append[...]", "github.com/acme/shop/ledger.(*Book).Write", "net/http.serverHandler.ServeHTTP", "net/http.(*conn).serve"}},
			{50, []string{"bytes.growSlice", "bytes.(*Buffer).Write", "github.com/acme/shop/cache.(*Statements).render", "net/http.serverHandler.ServeHTTP", "net/http.(*conn).serve"}},
			{2 * min(i, 1), []string{"bufio.NewReaderSize", "net/http.(*conn).serve"}},
			{0, []string{"encoding/json.Marshal", "net/http.(*conn).serve"}}, // garbage only
		} {
			s.Classes = append(s.Classes, heapdiff.Class{
				Name: strings.Join(c.stack, " < "), Stack: c.stack, Instances: c.n, ShallowBytes: 1000 * c.n,
				Sample: &heapdiff.Sample{InUse: c.n, AllocatedObjects: c.n + 7*i, AllocatedBytes: 1000*c.n + 500*i},
			})
		}
		all = append(all, s)
	}
	return delta(t, all...)
}

func delta(t testing.TB, snapshots ...*heapdiff.Snapshot) *heapdiff.Delta {
	t.Helper()
	d, err := heapdiff.Diff(snapshots...)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func three(t testing.TB) *heapdiff.Delta {
	return delta(t, snapshot("a.hprof", 1, 100), snapshot("b.hprof", 2, 200), snapshot("dir/c.hprof", 3, 400))
}

func TestGolden(t *testing.T) {
	single := snapshot("a.hprof", 1, 100)
	single.Paths = []heapdiff.Path{{Steps: []string{"static shop.Store.ORDERS", "(java.util.ArrayList)"}, Objects: 3, RetainedBytes: 3000}}
	unknown := snapshot("u.hprof", 1, 100)
	unknown.Generations, unknown.Collector, unknown.Reached, unknown.Holders = heapdiff.GenerationsUnknown, "", false, nil
	for i := range unknown.Classes {
		unknown.Classes[i].Old, unknown.Classes[i].Young = nil, nil
	}
	unknown.Warnings = []string{"something is in doubt"}
	deltas := map[string]*heapdiff.Delta{"three": three(t), "single": delta(t, single), "unknown": delta(t, unknown), "go": profiles(t)}
	options := map[string]Options{
		"":         {},
		"retained": {Retained: true},
		"dead":     {Generation: Old, State: Dead, Top: 2},
		"focus":    {Focus: regexp.MustCompile("Order"), Ignore: regexp.MustCompile("script")},
		"objects":  {Sample: InuseObjects},
		"alloc":    {Sample: AllocSpace},
	}
	for dn, d := range deltas {
		for on, o := range options {
			if (dn == "unknown" || dn == "go") && on == "dead" {
				continue // the command refuses it
			}
			if dn != "go" && options[on].Sample != "" {
				continue // enough
			}
			for ext, write := range map[string]func(*bytes.Buffer) error{
				"txt":  func(b *bytes.Buffer) error { return Text(b, d, o) },
				"json": func(b *bytes.Buffer) error { return JSON(b, d, o) },
				"md":   func(b *bytes.Buffer) error { return Markdown(b, d, o) },
			} {
				name := strings.TrimSuffix(dn+"-"+on, "-") + "." + ext
				t.Run(name, func(t *testing.T) {
					var b bytes.Buffer
					if err := write(&b); err != nil {
						t.Fatal(err)
					}
					golden(t, name+".golden", b.Bytes())
				})
			}
		}
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s (-want +got):\n%s", name, d)
	}
	if strings.HasSuffix(name, ".txt.golden") {
		for line := range strings.Lines(string(got)) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 100 {
				t.Errorf("a line of %d columns: %s", n, line)
			}
		}
	}
}

func TestHTML(t *testing.T) {
	var b bytes.Buffer
	if err := HTML(&b, three(t), Options{}); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, outside := range []string{"http://", "https://", "src=", "<link", "@import", "url("} {
		if strings.Contains(page, outside) {
			t.Errorf("the page has %q: it would not be whole without a network", outside)
		}
	}
	if n := strings.Count(page, "<script"); n != 2 {
		t.Errorf("%d scripts, want 2: a class name has become one", n)
	}
	for _, want := range []string{"shop.Store.ORDERS", "growing in each of 3 snapshots", "10 arrays of text"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// TestHTMLInBrowser draws the page and uses it.
func TestHTMLInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	var b bytes.Buffer
	if err := HTML(&b, three(t), Options{}); err != nil {
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
	p.Wait(`document.querySelectorAll("#flame .cell").length === 5`)
	var colours []string
	p.Eval(`[...document.querySelectorAll("#flame .cell")].filter(d => d.textContent.startsWith("⚠ shop.Store")).map(d => d.style.background)`, &colours)
	p.Eval(`document.getElementById("safe").click()`, nil)
	var safe []string
	p.Eval(`[...document.querySelectorAll("#flame .cell")].filter(d => d.textContent.startsWith("⚠ shop.Store")).map(d => d.style.background)`, &safe)
	if len(colours) != 1 || cmp.Equal(colours, safe) {
		t.Errorf("the colour-blind palette changes nothing: %v, %v", colours, safe)
	}
	p.Eval(`{ const s = document.getElementById("search"); s.value = "Thread"; s.dispatchEvent(new Event("input")) }`, nil)
	p.Wait(`document.querySelectorAll("#flame .cell.dim").length === 4`)
	p.Eval(`[...document.querySelectorAll("#flame .cell")].find(d => d.textContent.startsWith("elementData")).click()`, nil)
	p.Wait(`document.getElementById("status").textContent.startsWith("elementData")`)
	if problems := p.Problems(); problems != "" {
		t.Errorf("the browser reports %s", problems)
	}
}

func TestPprof(t *testing.T) {
	var b bytes.Buffer
	if err := Pprof(&b, three(t), Options{}); err != nil {
		t.Fatal(err)
	}
	p, err := profile.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.CheckValid(); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	var retained, growth int64
	for _, s := range p.Sample {
		var frames []string
		for _, l := range s.Location {
			frames = append(frames, l.Line[0].Function.Name)
		}
		got[strings.Join(frames, " < ")] = fmt.Sprint(s.Value)
		retained += s.Value[0]
		growth += s.Value[2]
	}
	want := map[string]string{
		"shop.Store.ORDERS java.util.ArrayList":                                                  "[24 1 0]",
		"elementData java.lang.Object[] < shop.Store.ORDERS java.util.ArrayList":                 "[3976 1 3000]",
		"[] shop.Order < elementData java.lang.Object[] < shop.Store.ORDERS java.util.ArrayList": "[396000 400 297000]",
		`thread "main" java.lang.Thread`:                                                         "[4000 1 0]",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("samples (-want +got):\n%s", d)
	}
	if p.DefaultSampleType != "growth" || retained != 404_000 || growth != 300_000 {
		t.Errorf("default %s, sums %d and %d", p.DefaultSampleType, retained, growth)
	}
}
