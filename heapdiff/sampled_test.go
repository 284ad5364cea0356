package heapdiff

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	httppprof "net/http/pprof"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// profileText is a Go profile in text form: in use and allocated objects of 1 MiB
// by function, which the profiler has nearly all sampled.
func profileText(numGC int, objects map[string][2]int) string {
	var b strings.Builder
	fmt.Fprintln(&b, "heap profile: 1: 1 [2: 2] @ heap/2")
	addr := 0x1000
	for _, name := range []string{"main.leak", "main.cache", "main.churn"} {
		n := objects[name]
		fmt.Fprintf(&b, "%d: %d [%d: %d] @ %#x\n#\t%#x\t%s+0x10\t/src/main.go:1\n\n", n[0], n[0]<<20, n[1], n[1]<<20, addr+1, addr, name)
		addr += 0x1000
	}
	fmt.Fprintf(&b, "# runtime.MemStats\n# NextGC = %d\n# NumGC = %d\n", numGC<<20, numGC)
	return b.String()
}

// watchedRun is seven profiles of a program with a leak, a cache that has filled
// and much that comes and goes.
func watchedRun(t *testing.T, read func(text string) *Snapshot) []*Snapshot {
	t.Helper()
	var out []*Snapshot
	cache := []int{0, 60, 90, 99, 100, 100, 100}
	for i := range 7 {
		s := read(profileText(i+1, map[string][2]int{
			"main.leak": {10 * i, 10 * i}, "main.cache": {cache[i], cache[i]}, "main.churn": {40 + i%2, 2000 * i},
		}))
		s.Time = time.Unix(int64(600*i), 0)
		out = append(out, s)
	}
	return out
}

func readText(t *testing.T) func(string) *Snapshot {
	return func(text string) *Snapshot {
		t.Helper()
		s, err := Read(t.Context(), "-", Options{Stdin: strings.NewReader(text)})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

func TestGoLeakAmongCaches(t *testing.T) {
	d, err := Diff(watchedRun(t, readText(t))...)
	if err != nil {
		t.Fatal(err)
	}
	if d.Kind != KindGo || len(d.Suspects) != 1 {
		t.Fatalf("kind %s, suspects %+v; want one", d.Kind, d.Suspects)
	}
	s := d.Suspects[0]
	if s.Holder != "main.leak" || s.Score != 1 || len(s.RetainedBytes) != 7 || s.RetainedBytes[6] != 60<<20 {
		t.Errorf("suspect = %+v", s)
	}
	for _, want := range []string{"main.leak holds 62.9 MB, +62.9 MB", "95 % confidence", "grew in 6 of 6 steps", "an object is"} {
		if !strings.Contains(s.Reason, want) {
			t.Errorf("reason %q lacks %q", s.Reason, want)
		}
	}
	for _, want := range []string{"First suspect of 1: main.leak", "in 6 collections"} {
		if !strings.Contains(d.Verdict, want) {
			t.Errorf("verdict %q lacks %q", d.Verdict, want)
		}
	}
}

// TestSummaryOfProfile: what a summary keeps of a profile judges the same.
func TestSummaryOfProfile(t *testing.T) {
	through := func(text string) *Snapshot {
		var b bytes.Buffer
		if err := WriteSummary(&b, readText(t)(text)); err != nil {
			t.Fatal(err)
		}
		s, err := Read(t.Context(), "-", Options{Stdin: &b})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	direct, err1 := Diff(watchedRun(t, readText(t))...)
	summed, err2 := Diff(watchedRun(t, through)...)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if diff := cmp.Diff(direct.Suspects, summed.Suspects); diff != "" {
		t.Errorf("direct (-) and by summaries (+):\n%s", diff)
	}
}

// TestDeltaProfiles: godeltaprof counts the allocations since the last profile.
func TestDeltaProfiles(t *testing.T) {
	var out []*Snapshot
	for i := range 7 {
		n := 2000 - 10*i // fewer and fewer: the sum falls, as a total never does
		s := readText(t)(profileText(i+1, map[string][2]int{"main.leak": {10 * i, 10}, "main.churn": {40, n}}))
		s.Time = time.Unix(int64(600*i), 0)
		out = append(out, s)
	}
	d, err := Diff(out...)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Suspects) != 1 || d.Suspects[0].Holder != "main.leak" {
		t.Errorf("suspects %+v", d.Suspects)
	}
	if got := d.series()[0].Allocated; got[6] <= got[0] {
		t.Errorf("allocations %v are not summed up", got)
	}
}

func TestFewProfiles(t *testing.T) {
	run := watchedRun(t, readText(t))
	one, err1 := Diff(run[6])
	two, err2 := Diff(run[0], run[6])
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if len(one.Suspects) != 3 || one.Suspects[0].Holder != "main.cache" || !strings.Contains(one.Verdict, "one profile cannot tell") {
		t.Errorf("one: %q, %+v", one.Verdict, one.Suspects)
	}
	if len(two.Suspects) != 2 || two.Suspects[0].Score > 0.5 || !strings.Contains(two.Verdict, "not a trend") {
		t.Errorf("two: %q, %+v", two.Verdict, two.Suspects)
	}
	leak, err := ParseGate("leak")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := leak.Check(two); err == nil || !strings.Contains(err.Error(), "take three or more") {
		t.Errorf("the gate leak on two profiles: %v", err)
	}
	if met, _, err := leak.Check(&Delta{Kind: KindGo, Snapshots: run, Suspects: two.Suspects}); err != nil || !met {
		t.Errorf("the gate leak on seven: %v, %v", met, err)
	}
	same := readText(t)(profileText(7, nil))
	if d, err := Diff(run[6], same); err != nil || len(d.Warnings) == 0 || !strings.Contains(d.Warnings[0], "the same garbage collection, number 7") {
		t.Errorf("same collection: %+v, %v", d, err)
	}
}

func TestDamagedProfile(t *testing.T) {
	text := profileText(1, map[string][2]int{"main.leak": {5, 5}})
	cut := text[:strings.Index(text, "# runtime")]
	_, err := Read(t.Context(), "-", Options{Stdin: strings.NewReader(cut)})
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "--partial") {
		t.Errorf("error = %v, want ErrDamaged and the flag", err)
	}
	s, err := Read(t.Context(), "-", Options{Stdin: strings.NewReader(cut), Partial: true})
	if err != nil || len(s.Warnings) == 0 || len(s.Classes) != 1 {
		t.Errorf("with Partial: %+v, %v", s, err)
	}
}

func TestHistogram(t *testing.T) {
	const text = "4711:\n num     #instances         #bytes  class name\n---\n   1:  10  100  [B\n   2:  5  900  x.Y\n   3:  1  10  x.Y\nTotal  16  1010\n"
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	s, err := Read(t.Context(), write("whole", text), Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []Class{{Name: "x.Y", Instances: 6, ShallowBytes: 910}, {Name: "byte[]", Instances: 10, ShallowBytes: 100}}
	if diff := cmp.Diff(want, s.Classes); diff != "" || s.Kind != KindHistogram || s.Objects != 16 || s.Bytes != 1010 {
		t.Errorf("%+v (-want +got):\n%s", s, diff)
	}
	damaged := write("damaged", text[:strings.Index(text, "Total")])
	if _, err := Read(t.Context(), damaged, Options{}); !errors.Is(err, ErrDamaged) {
		t.Errorf("without its total: %v, want ErrDamaged", err)
	}
	if s, err := Read(t.Context(), damaged, Options{Partial: true}); err != nil || len(s.Warnings) != 1 {
		t.Errorf("with Partial: %+v, %v", s, err)
	}
}

// TestSnapGo watches a server that has not collected garbage since the first
// profile when it is asked for the second, which must be asked for again.
func TestSnapGo(t *testing.T) {
	asked := 0
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/heap", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, profileText([]int{1, 1, 2, 3}[asked], map[string][2]int{"main.leak": {asked, asked}}))
		asked++
		if r.URL.Query().Get("debug") != "1" {
			t.Errorf("asked for %s", r.URL)
		}
	})
	mux.HandleFunc("/debug/pprof/goroutineleak", func(w http.ResponseWriter, _ *http.Request) {
		if err := pprof.Lookup("goroutine").WriteTo(w, 0); err != nil { // any count by stack
			t.Error(err)
		}
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	var taken int
	snaps, err := SnapGo(t.Context(), strings.TrimPrefix(srv.URL, "http://"), SnapGoOptions{
		Profiles: 3, Every: time.Millisecond, Client: srv.Client(), Taken: func(*Snapshot) { taken++ },
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(snaps) != 3 || taken != 3 || asked != 4 {
		t.Errorf("%d profiles, %d reported, asked %d times; want 3, 3, 4", len(snaps), taken, asked)
	}
	for i, s := range snaps[1:] {
		if s.Sampling.Runtime.NumGC <= snaps[i].Sampling.Runtime.NumGC || !s.Time.After(snaps[i].Time) {
			t.Errorf("profile %d is not after another collection", i+1)
		}
	}
	if f := snaps[2].Findings; len(f) == 0 || f[0].Kind != "goroutine-leak" || f[0].Count < 1 {
		t.Errorf("findings = %+v", f)
	}
	if len(snaps[0].Findings) != 0 {
		t.Errorf("the first profile has findings: %+v", snaps[0].Findings)
	}
}

func TestSnapGoErrors(t *testing.T) {
	var body string
	status := http.StatusOK
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	defer srv.Close()
	o := SnapGoOptions{Profiles: 2, Every: time.Millisecond, Patience: time.Millisecond, Client: srv.Client()}
	for name, c := range map[string]struct {
		target, body string
		status       int
		want         string
	}{
		"no pprof":       {srv.URL, "", 404, "does the process import net/http/pprof?"},
		"refused":        {srv.URL, "", 403, "403 Forbidden"},
		"not a profile":  {srv.URL, "hello", 200, "unrecognized profile format"},
		"not Go's":       {srv.URL, "heap profile: 1: 1 [1: 1] @ heap/2\n1: 1 [1: 1] @ 0x1\n", 200, "no NumGC"},
		"same for ever":  {srv.URL, profileText(4, nil), 200, "profile 2 of 2: no garbage collection within"},
		"not a URL":      {"ftp://user:secret@host/x", "", 200, "not the URL of a process"},
		"host is needed": {"http:///x", "", 200, "not the URL of a process"},
	} {
		body, status = c.body, c.status
		_, err := SnapGo(t.Context(), c.target, o)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: error %v, want %q in it", name, err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	o.Taken = func(*Snapshot) { cancel() }
	body, status = profileText(4, nil), http.StatusOK
	if snaps, err := SnapGo(ctx, srv.URL, o); !errors.Is(err, context.Canceled) || len(snaps) != 1 {
		t.Errorf("cancelled after the first: %d profiles, %v", len(snaps), err)
	}
}

func TestHistogramsOverTime(t *testing.T) {
	run := func(n int) *Snapshot {
		own, bytes := 1000*(n+1), 3000*(n+1)
		text := fmt.Sprintf(" num     #instances         #bytes  class name\n---\n   1:  %d  %d  [B\n   2:  %d  %d  shop.Order\n   3:  5  100000  shop.Cache\nTotal  %d  %d\n",
			bytes, 100*bytes, own, 100*own, bytes+own+5, 100*(bytes+own)+100000)
		return readText(t)(text)
	}
	d, err := Diff(run(0), run(1), run(2))
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Suspects) != 2 || d.Suspects[0].Holder != "shop.Order" || !strings.Contains(d.Verdict, "3,000 shop.Order take up 0.30 MB") {
		t.Errorf("verdict %q, suspects %+v", d.Verdict, d.Suspects)
	}
	still, err := Diff(run(1), run(1), run(1))
	if err != nil || len(still.Suspects) != 0 || !strings.Contains(still.Verdict, "nothing here looks like a leak") {
		t.Errorf("nothing grew: %q, %v", still.Verdict, err)
	}
	if one, err := Diff(run(1)); err != nil || !strings.Contains(one.Verdict, "One histogram cannot tell") {
		t.Errorf("one: %q, %v", one.Verdict, err)
	}
}

// TestSnapGoMetrics watches a process that shows runtime/metrics by Prometheus's
// Go collector: a leak shows in what collections leave.
func TestSnapGoMetrics(t *testing.T) {
	for name, tt := range map[string]struct {
		live func(n int) string // of the answer to profile n
		want []string
	}{
		"a leak": {
			func(n int) string {
				return fmt.Sprintf("# TYPE go_gc_heap_live_bytes gauge\ngo_gc_heap_live_bytes %d\n# TYPE go_gc_gomemlimit_bytes gauge\ngo_gc_gomemlimit_bytes 2e+08\n"+
					"# TYPE go_gc_limiter_last_enabled_gc_cycle gauge\ngo_gc_limiter_last_enabled_gc_cycle 3\n", (100+n*10)<<20)
			},
			[]string{
				"What collections leave (/gc/heap/live:bytes) went from 105 MB to 168 MB in 6 collections, up in 6 of 6 steps; the suspects' growth is 100 % of that.",
				"what collections leave is 168 MB, 84 % of the memory limit of 200 MB; the collector took so much CPU that the runtime held it back, last in cycle 3 of 7",
			},
		},
		"a budget": {
			func(int) string {
				return "# TYPE go_gc_heap_live_bytes gauge\ngo_gc_heap_live_bytes 1e+08\n# TYPE go_gc_gomemlimit_bytes gauge\ngo_gc_gomemlimit_bytes 9.223372036854776e+18\n"
			},
			[]string{"up in 0 of 6 steps; other stacks gave way to what the suspects grew by, as within a cache of a fixed size."},
		},
		"other metrics": {
			func(int) string { return "# TYPE shop_orders counter\nshop_orders 3\n" },
			[]string{"The collector's goal, which goes with what is live"},
		},
		"a page":  {func(int) string { return "<html>" }, []string{"The collector's goal, which goes with what is live"}},
		"garbage": {func(int) string { return "# TYPE go_x gauge\ngo_x 1 2 3 4\n" }, []string{"/metrics: text format parsing error"}},
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			mux := http.NewServeMux()
			mux.HandleFunc("/debug/pprof/heap", func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprint(w, profileText(n+1, map[string][2]int{"main.leak": {10 * n, 10 * n}, "main.churn": {40, 2000 * n}}))
				n++
			})
			mux.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, tt.live(n-1)) })
			srv := httptest.NewServer(mux)
			defer srv.Close()
			snaps, err := SnapGo(t.Context(), srv.URL, SnapGoOptions{Profiles: 7, Every: time.Millisecond, Client: srv.Client()})
			if err != nil {
				t.Fatal(err)
			}
			d, err := Diff(snaps...)
			if err != nil {
				t.Fatal(err)
			}
			said := d.Verdict + strings.Join(d.Warnings, " ")
			for _, s := range snaps {
				said += strings.Join(s.Warnings, " ")
			}
			for _, f := range d.Findings {
				said += " " + f.Kind + ": " + f.Text
			}
			for _, want := range tt.want {
				if !strings.Contains(said, want) {
					t.Errorf("it says %q, without %q", said, want)
				}
			}
			if strings.Contains(said, "memory-limit") != (name == "a leak") {
				t.Errorf("a limit that is there, or not: %q", said)
			}
		})
	}
}

// TestSnapGoCollector reads what Prometheus's own collector shows of this process.
func TestSnapGoCollector(t *testing.T) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(collectors.WithGoCollectorRuntimeMetrics(collectors.MetricsGC)))
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", httppprof.Index)
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	srv := httptest.NewServer(mux)
	defer srv.Close()
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(1 << 40))
	runtime.GC()
	snaps, err := SnapGo(t.Context(), srv.URL, SnapGoOptions{Profiles: 1, Client: srv.Client()})
	if err != nil {
		t.Fatal(err)
	}
	if r := snaps[0].Sampling.Runtime; r.HeapLive <= 0 || r.MemoryLimit != 1<<40 || len(snaps[0].Warnings) > 0 {
		t.Errorf("got %+v, %q", r, snaps[0].Warnings)
	}
}
