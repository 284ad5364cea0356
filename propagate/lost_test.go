package propagate

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// counts returns the events of each kind so far, as Lost tells them.
func counts() (n [kinds]uint64) {
	for s := range Lost() {
		n[s.Kind] += s.Count
	}
	return n
}

// exact is counts without the sampling that other tests may have brought on.
func exact() [kinds]uint64 {
	n := counts()
	for _, k := range []LostKind{NoContext, Stale} {
		n[k] = lost.seen[k].Load()
	}
	return n
}

// TestMisuseIsCounted does what should not be done. Nothing panics, and each
// is counted once, under its kind.
func TestMisuseIsCounted(t *testing.T) {
	type misuse struct {
		name    string
		kind    LostKind
		ambient bool // can only be told where goroutines carry something
		do      func()
	}
	for _, m := range []misuse{
		{"Leave twice", LeftTwice, true, func() {
			defer newRef().Enter().Leave()
			s := newRef().Enter()
			s.Leave()
			s.Leave()
		}},
		{"Leave after a pprof.Do without our context", Clobbered, true, func() {
			defer newRef().Enter()
			s := newRef().Enter()
			pprof.Do(bg, pprof.Labels("a", "b"), func(context.Context) {})
			s.Leave()
		}},
		{"Leave elsewhere", LeftElsewhere, true, func() {
			s := newRef().Enter()
			done := make(chan struct{})
			go func() {
				defer newRef().Enter().Leave()
				s.Leave()
				close(done)
			}()
			<-done
			s.Leave()
		}},
		{"Current of an ended span", Stale, true, func() {
			r := newRef()
			defer r.Enter().Leave()
			r.End()
			Current()
		}},
		{"Bind without a context", NoContext, true, func() { Bind(func() {})() }},
		{"Suspend without a context", NoContext, false, func() { Suspend(bg, "op").Done(nil) }},
		{"NoteOrphan", NoContext, false, NoteOrphan},
		{"Go nil", NilFunc, false, func() { Go(bg, nil) }},
		{"Bind nil", NilFunc, false, func() { Bind(nil)() }},
		{"BindErr nil", NilFunc, false, func() { _ = BindErr(nil)() }},
		{"Bind1 nil", NilFunc, false, func() { Bind1[int](nil)(1) }},
		{"Bind2 nil", NilFunc, false, func() { Bind2[int, int](nil)(1, 2) }},
		{"BindContext nil", NilFunc, false, func() { BindContext(bg, nil)() }},
		{"Background nil", NilFunc, false, func() { Background(nil) }},
		{"AfterFunc nil", NilFunc, false, func() { AfterFunc(0, nil) }},
		{"ContextAfterFunc nil", NilFunc, false, func() { ContextAfterFunc(bg, nil)() }},
		{"Pull nil", NilFunc, false, func() {
			next, stop := Pull[int](nil)
			next()
			stop()
		}},
		{"Pull2 nil", NilFunc, false, func() {
			next, stop := Pull2[int, int](nil)
			next()
			stop()
		}},
		{"Item.Do nil", NilFunc, false, func() { Item[int]{}.Do(bg, nil) }},
		{"Group.Do nil", NilFunc, false, func() { _, _, _ = new(Group[int, int]).Do(bg, 1, nil) }},
		{"Then nil", NilFunc, false, func() { Then[int, int](bg, nil, "op", nil) }},
		{"NewMachine nil", NilFunc, false, func() { NewMachine[int](withRef(), "op", nil) }},
		{"Resume while running", ResumedRunning, false, func() {
			c := Suspend(withRef(), "op")
			s := c.Resume("1")
			c.Resume("2").End()
			s.End()
			c.Done(nil)
		}},
		{"Resume after Done", ResumedDone, false, func() {
			c := Suspend(withRef(), "op")
			c.Done(nil)
			c.Resume("1").End()
		}},
		{"Done twice", ResumedDone, false, func() {
			c := Suspend(withRef(), "op")
			c.Done(nil)
			c.Done(errors.New("late"))
		}},
		{"Step.End twice", LeftTwice, false, func() {
			c := Suspend(withRef(), "op")
			s := c.Resume("1")
			s.End()
			s.End()
			c.Done(nil)
		}},
		{"complete twice", CompletedTwice, false, func() {
			_, complete := NewFuture[int]()
			complete(1, nil)
			complete(2, nil)
		}},
		{"Submit to a closed loop", LoopClosed, false, func() {
			l := NewLoop(LoopConfig{})
			l.Close()
			if err := l.Submit(withRef(), func(context.Context) {}); !errors.Is(err, ErrLoopClosed) {
				t.Errorf("Submit to a closed loop: %v", err)
			}
		}},
		{"Submit nil", NilFunc, false, func() { _ = NewLoop(LoopConfig{}).Submit(withRef(), nil) }},
		{"Submit to a full loop that drops", LoopDropped, false, func() {
			l := NewLoop(LoopConfig{Queue: 1, WhenFull: Drop})
			for range 2 {
				if err := l.Submit(withRef(), func(context.Context) {}); err != nil {
					t.Errorf("Submit: %v", err)
				}
			}
		}},
	} {
		t.Run(m.name, func(t *testing.T) {
			if m.ambient {
				needAmbient(t)
			}
			newRef() // there is a context somewhere in the program
			before := exact()
			done := make(chan struct{})
			go func() {
				defer close(done)
				m.do()
			}()
			<-done
			for k, n := range exact() {
				expect := before[k]
				if LostKind(k) == m.kind {
					expect++
				}
				if n != expect {
					t.Errorf("%v: counted %d, want %d", LostKind(k), n-before[k], expect-before[k])
				}
			}
		})
	}
}

func withRef() context.Context { return NewContext(bg, newRef()) }

// TestLostSite wants the site to be the line that did it and the creator to be
// where its goroutine was started.
func TestLostSite(t *testing.T) {
	_, complete := NewFuture[int]()
	complete(1, nil)
	var here int
	var wg sync.WaitGroup
	wg.Add(1)
	_, _, start, _ := runtime.Caller(0)
	go func() {
		defer wg.Done()
		_, _, here, _ = runtime.Caller(0)
		complete(2, nil)
	}()
	wg.Wait()
	for s := range Lost() {
		if s.Kind == CompletedTwice && s.Site.Line == here+1 {
			if !strings.HasSuffix(s.Site.File, "lost_test.go") || !strings.HasSuffix(s.Site.Function, "TestLostSite.func1") {
				t.Errorf("site: %v", s.Site)
			}
			if s.Creator.Line != start+1 || !strings.HasSuffix(s.Creator.Function, "TestLostSite") ||
				!strings.HasSuffix(s.Creator.File, "lost_test.go") {
				t.Errorf("creator: %v, want line %d of TestLostSite", s.Creator, start+1)
			}
			return
		}
	}
	t.Errorf("no site at line %d", here+1)
}

func TestParseCreator(t *testing.T) {
	for _, c := range []struct {
		name, stack string
		want        Place
	}{
		{"main goroutine", "goroutine 1 [running]:\nmain.main()\n\t/a/main.go:3 +0x1d\n", Place{}},
		{
			"go statement", "goroutine 7 [running]:\nmain.f()\n\t/a/main.go:9 +0x1d\ncreated by main.main in goroutine 1\n\t/a b/main.go:12 +0x25\n",
			Place{"main.main", "/a b/main.go", 12},
		},
		{
			"windows", "goroutine 7 [running]:\nmain.f()\n\tC:/a/main.go:9 +0x1d\ncreated by main.main in goroutine 1\n\tC:/a/main.go:12 +0x25",
			Place{"main.main", "C:/a/main.go", 12},
		},
		{"cut", "goroutine 7 [running]:\nmain.f()\ncreated by main.main", Place{Function: "main.main"}},
		{"empty", "", Place{}},
	} {
		if got := parseCreator(c.stack); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}

func FuzzParseCreator(f *testing.F) {
	f.Add("\ncreated by main.main in goroutine 1\n\t/a/main.go:12 +0x25\n")
	f.Add("\ncreated by ")
	f.Fuzz(func(t *testing.T, s string) {
		if p := parseCreator(s); p.Line != 0 && p.Function == "" && !strings.Contains(s, "created by") {
			t.Errorf("made %v out of nothing", p)
		}
	})
}

// TestLostIsBounded makes events at more sites than there is room for, in a
// process of its own, for what it counts stays.
func TestLostIsBounded(t *testing.T) {
	if os.Getenv("CLEW_TEST_LOST") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestLostIsBounded$", "-test.v")
		cmd.Env = append(os.Environ(), "CLEW_TEST_LOST=1")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS") {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	newRef()
	const perSite = 3
	for i := range 2 * maxSites {
		for range perSite {
			noteAt(ResumedDone, []uintptr{uintptr(1 + i)}, 1)
		}
	}
	var total uint64
	lost.mu.Lock()
	sites := len(lost.sites)
	for _, c := range lost.sites {
		total += c.n
	}
	lost.mu.Unlock()
	if sites > maxSites+kinds {
		t.Errorf("%d sites are kept, want at most %d", sites, maxSites+kinds)
	}
	if total != 2*maxSites*perSite {
		t.Errorf("%d events counted, want %d", total, 2*maxSites*perSite)
	}
	// Many events of one site: sampled, and still about right.
	before := counts()[NoContext]
	const many = 100_000
	for range many {
		NoteOrphan()
	}
	if got := counts()[NoContext] - before; got < many*98/100 || got > many*102/100 {
		t.Errorf("%d events counted as %d", many, got)
	}
}

func TestLostKindString(t *testing.T) {
	seen := map[string]bool{}
	for k := range LostKind(kinds) {
		if s := k.String(); s == "" || seen[s] {
			t.Errorf("kind %d is called %q", k, s)
		} else {
			seen[s] = true
		}
	}
	if got := LostKind(99).String(); got != "LostKind(99)" {
		t.Errorf("kind 99 is called %q", got)
	}
}

func TestMetrics(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	reg, err := RegisterMetrics(mp)
	if err != nil {
		t.Fatal(err)
	}
	_, complete := NewFuture[int]()
	complete(1, nil)
	complete(2, nil)
	find := func() (n int64) {
		var rm metricdata.ResourceMetrics
		if err := reader.Collect(bg, &rm); err != nil {
			t.Fatal(err)
		}
		for _, sm := range rm.ScopeMetrics {
			for _, m := range sm.Metrics {
				sum, ok := m.Data.(metricdata.Sum[int64])
				if !ok || m.Name != "clew.context.lost" || !sum.IsMonotonic {
					t.Errorf("metric %s: %T", m.Name, m.Data)
					continue
				}
				for _, p := range sum.DataPoints {
					kind, _ := p.Attributes.Value(AttrLostKind)
					site, _ := p.Attributes.Value(AttrLostSite)
					if kind.AsString() == "completed_twice" && strings.HasSuffix(site.AsString(), "propagate.TestMetrics") {
						n += p.Value
					}
				}
			}
		}
		return n
	}
	if n := find(); n == 0 {
		t.Error("the event is not in the metric")
	}
	if err := reg.Unregister(); err != nil {
		t.Error(err)
	}
	if n := find(); n != 0 {
		t.Error("the metric is still reported after Unregister")
	}
}
