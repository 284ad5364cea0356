package propagate

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/propagate/internal/cgotest"
)

var update = flag.Bool("update", false, "rewrite the tables in docs from the tests' results")

// What a goroutine may find of the context it should work under.
const (
	carried_ = "carried"          // it is the current one
	linked   = "linked"           // it has ended: something to link to, no parent
	none     = "none"             // nothing: what is started there is a root
	wrong    = "wrong"            // another one
	either   = "carried or none"  // depends on which thread is free
	callers  = "the caller's"     // that of who makes it run, not of who set it up
	creators = "the creator's"    // that of who set it up, not of who makes it run
	keeps    = "kept, once ended" // stays on goroutines that serve others
)

// boundary is a row of the table: how work gets from one goroutine to another,
// what becomes of the context when nothing is done about it, and what to do.
type boundary struct {
	name  string
	plain string // the outcome by itself
	run   func(t *testing.T, r Ref) string
	with  string // the function of this package to use, or ""
	fixed string // the outcome with it
	fix   func(t *testing.T, r Ref) string
}

// seen says what the running goroutine finds of r.
func seen(r Ref) string {
	cur := Current()
	origin, ended := Origin()
	switch {
	case cur == r:
		return carried_
	case cur.IsZero() && origin == r && ended:
		return linked
	case cur.IsZero() && origin.IsZero():
		return none
	}
	return wrong
}

// elsewhere runs f by way of carry, which gets it to another goroutine, and
// returns what f found there.
func elsewhere(r Ref, carry func(f func())) string {
	got := make(chan string, 1)
	carry(func() { got <- seen(r) })
	return <-got
}

// TestBoundaries runs every row and holds docs/propagate/boundaries.md to what
// comes out.
func TestBoundaries(t *testing.T) {
	needAmbient(t)
	var table strings.Builder
	table.WriteString("| boundary | by itself | with | then |\n|---|---|---|---|\n")
	rows, run := boundaries(), 0
	for _, b := range rows {
		t.Run(b.name, func(t *testing.T) {
			got := under(t, b.run)
			if got != b.plain {
				t.Errorf("by itself: %s, want %s", got, b.plain)
			}
			then := ""
			if b.fix != nil {
				if then = under(t, b.fix); then != b.fixed {
					t.Errorf("with %s: %s, want %s", b.with, then, b.fixed)
				}
			}
			fmt.Fprintf(&table, "| %s | %s | %s | %s |\n", b.name, got, b.with, then)
			run++
		})
	}
	if cgotest.Supported && run == len(rows) && !t.Failed() {
		checkTable(t, "boundaries.md", table.String())
	}
}

// under runs f on a goroutine of its own that carries a new span, and expects
// it to be back in place at the end unless f ended it.
func under(t *testing.T, f func(*testing.T, Ref) string) string {
	t.Helper()
	got := make(chan string, 1)
	go func() {
		defer close(got)
		r := newRef()
		defer r.Enter().Leave()
		got <- f(t, r)
	}()
	s, ok := <-got
	if !ok {
		t.Fatal("the row gave up")
	}
	return s
}

// checkTable compares the part of a page in docs between its two marks.
func checkTable(t *testing.T, page, table string) {
	t.Helper()
	path := filepath.Join("..", "docs", "propagate", page)
	const from, to = "<!-- table -->\n", "<!-- end of table -->\n"
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok1 := strings.Cut(string(old), from)
	_, tail, ok2 := strings.Cut(rest, to)
	if !ok1 || !ok2 {
		t.Fatalf("%s lacks the lines %q and %q", path, from, to)
	}
	page = head + from + table + to + tail
	if page == string(old) {
		return
	}
	if !*update {
		t.Fatalf("%s does not say what the tests found; run go test ./propagate -run TestBoundaries -update", path)
	}
	if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
		t.Fatal(err)
	}
}

func boundaries() []boundary {
	return slices.Concat(spawning(), pools(), timers(), pulls(), profiling(), network(), runtimeOwn(), callbacks())
}

func spawning() []boundary {
	return []boundary{
		{name: "`go` statement", plain: carried_, run: func(_ *testing.T, r Ref) string {
			return elsewhere(r, func(f func()) { go f() })
		}},
		{name: "`go` statement, grandchild", plain: carried_, run: func(_ *testing.T, r Ref) string {
			return elsewhere(r, func(f func()) { go func() { go f() }() })
		}},
		{name: "`go` statement, span ended meanwhile", plain: linked, run: func(_ *testing.T, r Ref) string {
			return elsewhere(r, func(f func()) {
				release := make(chan struct{})
				go func() {
					<-release
					f()
				}()
				r.End()
				close(release)
			})
		}},
		{name: "`errgroup.Group.Go`", plain: carried_, run: func(t *testing.T, r Ref) string {
			return elsewhere(r, func(f func()) {
				var g errgroup.Group
				g.Go(func() error { f(); return nil })
				if err := g.Wait(); err != nil {
					t.Error(err)
				}
			})
		}},
		{name: "`sync.WaitGroup.Go`", plain: carried_, run: func(_ *testing.T, r Ref) string {
			return elsewhere(r, func(f func()) {
				var wg sync.WaitGroup
				wg.Go(f)
				wg.Wait()
			})
		}},
		{name: "`singleflight`, leader", plain: carried_, run: func(_ *testing.T, r Ref) string {
			return elsewhere(r, func(f func()) {
				var g singleflight.Group
				<-g.DoChan("k", func() (any, error) { f(); return nil, nil })
			})
		}, with: "`Group`", fixed: carried_, fix: func(t *testing.T, r Ref) string {
			return elsewhere(r, func(f func()) {
				var g Group[string, int]
				if _, _, err := g.Do(bg, "k", func(context.Context) (int, error) { f(); return 0, nil }); err != nil {
					t.Error(err)
				}
			})
		}},
		{name: "`singleflight`, joiner", plain: "no link", run: func(_ *testing.T, r Ref) string {
			var g singleflight.Group
			return join(r, func(leading chan<- struct{}, release <-chan struct{}) {
				g.DoChan("k", func() (any, error) {
					close(leading)
					<-release
					return nil, nil
				})
			}, func(join Ref, joined func()) {
				defer join.Enter().Leave()
				ch := g.DoChan("k", func() (any, error) { return nil, nil })
				joined()
				<-ch
			})
		}, with: "`Group`", fixed: linked, fix: func(t *testing.T, r Ref) string {
			var g Group[string, int]
			return join(r, func(leading chan<- struct{}, release <-chan struct{}) {
				go func() {
					if _, _, err := g.Do(bg, "k", func(context.Context) (int, error) {
						close(leading)
						<-release
						return 0, nil
					}); err != nil {
						t.Error(err)
					}
				}()
			}, func(join Ref, joined func()) {
				go func() {
					waitFor(t, "the joiner", func() bool {
						g.mu.Lock()
						defer g.mu.Unlock()
						return g.calls["k"].joined == 1
					})
					joined()
				}()
				if _, shared, err := g.Do(NewContext(bg, join), "k", zero); err != nil || !shared {
					t.Errorf("joiner: shared %v, err %v", shared, err)
				}
			})
		}},
	}
}

func zero(context.Context) (int, error) { return 0, nil }

// linkingSpan keeps the links it is given.
type linkingSpan struct {
	*testSpan
	links []oteltrace.Link
}

func (s *linkingSpan) AddLink(l oteltrace.Link) { s.links = append(s.links, l) }

// join lets lead work under r until the other has joined, and says whether the
// joiner's span has a link to r's.
func join(r Ref, lead func(leading chan<- struct{}, release <-chan struct{}), join func(r Ref, joined func())) string {
	leading, release := make(chan struct{}), make(chan struct{})
	lead(leading, release)
	<-leading
	span := &linkingSpan{testSpan: sampled()}
	join(New(span, Ref{}), func() { close(release) })
	if len(span.links) == 1 && span.links[0].SpanContext.Equal(r.SpanContext()) {
		return linked
	}
	if len(span.links) > 0 {
		return wrong
	}
	return "no link"
}

// pool returns a worker that is started here and what stops it.
func pool() (submit func(func()), stop func()) {
	jobs, done := make(chan func()), make(chan struct{})
	go func() {
		defer close(done)
		for job := range jobs {
			job()
		}
	}()
	return func(f func()) { jobs <- f }, func() { close(jobs); <-done }
}

func pools() []boundary {
	older := func(carry func(submit func(func()), f func())) func(*testing.T, Ref) string {
		return func(_ *testing.T, r Ref) string {
			var submit func(func())
			var stop func()
			Background(func() { submit, stop = pool() })
			defer stop()
			return elsewhere(r, func(f func()) { carry(submit, f) })
		}
	}
	// lazy has its worker started by a request that is over by now.
	lazy := func(start func(func()), carry func(submit func(func()), f func())) func(*testing.T, Ref) string {
		return func(_ *testing.T, r Ref) string {
			first := newRef()
			scope := first.Enter()
			var submit func(func())
			var stop func()
			start(func() { submit, stop = pool() })
			scope.Leave()
			first.End()
			defer stop()
			return elsewhere(r, func(f func()) { carry(submit, f) })
		}
	}
	plain := func(submit func(func()), f func()) { submit(f) }
	bound := func(submit func(func()), f func()) { submit(Bind(f)) }
	return []boundary{
		{name: "pool started earlier", plain: none, run: older(plain), with: "`Bind`", fixed: carried_, fix: older(bound)},
		{
			name: "pool started by an earlier request", plain: none,
			run: lazy(func(f func()) { f() }, func(submit func(func()), f func()) {
				submit(func() { // the worker's origin is the earlier request: neither parent nor ours
					if !Current().IsZero() {
						panic("a worker took an ended span for its context")
					}
					Background(f)
				})
			}), with: "`Bind`", fixed: carried_, fix: lazy(func(f func()) { f() }, bound),
		},
		{
			name: "pool started in `Background`", plain: none, run: lazy(Background, plain),
			with: "`Bind`", fixed: carried_, fix: lazy(Background, bound),
		},
		{name: "channel", plain: none, run: func(_ *testing.T, r Ref) string {
			ch, got := make(chan int), make(chan string)
			Background(func() {
				go func() {
					<-ch
					got <- seen(r)
				}()
			})
			ch <- 1
			return <-got
		}, with: "`Send`, `Item.Do`", fixed: carried_, fix: func(_ *testing.T, r Ref) string {
			ch, got := make(chan Item[int]), make(chan string)
			Background(func() {
				go func() {
					(<-ch).Do(bg, func(ctx context.Context, v int) {
						if FromContext(ctx) != r || v != 7 {
							got <- wrong
						}
						got <- seen(r)
					})
				}()
			})
			Send(ch, 7)
			return <-got
		}},
		{name: "channel, span ended meanwhile", plain: none, run: func(_ *testing.T, r Ref) string {
			ch, got := make(chan int, 1), make(chan string)
			ch <- 1
			r.End()
			Background(func() {
				go func() {
					<-ch
					got <- seen(r)
				}()
			})
			return <-got
		}, with: "`Send`, `Item.Do`", fixed: linked, fix: func(_ *testing.T, r Ref) string {
			ch := make(chan Item[int], 1)
			Send(ch, 7)
			r.End()
			outcome := none
			(<-ch).Do(bg, func(ctx context.Context, _ int) {
				if origin, ok := Detached(ctx); ok && origin == r && FromContext(ctx).IsZero() {
					outcome = seen(r)
				}
			})
			return outcome
		}},
	}
}

func timers() []boundary {
	return []boundary{
		{name: "`time.AfterFunc`", plain: either, run: func(_ *testing.T, r Ref) string {
			for range 50 {
				switch got := elsewhere(r, func(f func()) { time.AfterFunc(time.Microsecond, f) }); got {
				case carried_, none:
				default:
					return got
				}
			}
			return either
		}, with: "`AfterFunc`", fixed: carried_, fix: func(_ *testing.T, r Ref) string {
			return elsewhere(r, func(f func()) { AfterFunc(time.Microsecond, f) })
		}},
		{name: "`context.AfterFunc`", plain: callers, run: func(_ *testing.T, _ Ref) string {
			canceller := newRef()
			return by(canceller, elsewhere(canceller, func(f func()) {
				ctx, cancel := context.WithCancel(bg)
				context.AfterFunc(ctx, f)
				defer canceller.Enter().Leave()
				cancel()
			}))
		}, with: "`ContextAfterFunc`", fixed: carried_, fix: func(_ *testing.T, r Ref) string {
			return elsewhere(r, func(f func()) {
				ctx, cancel := context.WithCancel(bg)
				ContextAfterFunc(ctx, func(context.Context) { f() })
				defer newRef().Enter().Leave()
				cancel()
			})
		}},
	}
}

// by names the outcome for a context that is not the row's own.
func by(_ Ref, outcome string) string {
	if outcome == carried_ {
		return callers
	}
	return outcome
}

func pulls() []boundary {
	step := func(pull func(iter.Seq[Ref]) (func() (Ref, bool), func())) func(*testing.T, Ref) string {
		return func(_ *testing.T, r Ref) string {
			next, stop := pull(func(yield func(Ref) bool) {
				for yield(Current()) {
				}
			})
			defer stop()
			first, _ := next()
			inner := newRef()
			scope := inner.Enter()
			second, _ := next()
			scope.Leave()
			third, _ := next()
			switch {
			case first == r && second == inner && third == r:
				return callers
			case first == r && second == r && third == r:
				return creators
			}
			return wrong
		}
	}
	return []boundary{{
		name: "`iter.Pull`", plain: creators, run: step(iter.Pull[Ref]),
		with: "`Pull`", fixed: callers, fix: step(Pull[Ref]),
	}}
}

func profiling() []boundary {
	return []boundary{
		{name: "a user's `pprof.Do` with our context", plain: carried_, run: func(_ *testing.T, r Ref) (in string) {
			pprof.Do(NewContext(bg, r), pprof.Labels("user", "1"), func(context.Context) { in = seen(r) })
			if seen(r) != carried_ {
				return wrong
			}
			return in
		}},
		{name: "a user's `pprof.Do(context.Background())`", plain: none, run: func(_ *testing.T, r Ref) (in string) {
			pprof.Do(bg, pprof.Labels("user", "1"), func(context.Context) { in = seen(r) })
			return in
		}, with: "`EnterContext`", fixed: carried_, fix: func(_ *testing.T, r Ref) (in string) {
			ctx := NewContext(bg, r)
			pprof.Do(bg, pprof.Labels("user", "1"), func(context.Context) {
				defer EnterContext(ctx).Leave()
				in = seen(r)
			})
			return in
		}},
		{name: "after a user's `pprof.Do(context.Background())`", plain: none, run: func(_ *testing.T, r Ref) string {
			pprof.Do(bg, pprof.Labels("user", "1"), func(context.Context) {})
			return seen(r)
		}, with: "`EnterContext`", fixed: carried_, fix: func(_ *testing.T, r Ref) string {
			ctx := NewContext(bg, r)
			pprof.Do(bg, pprof.Labels("user", "1"), func(context.Context) {})
			defer EnterContext(ctx).Leave()
			return seen(r)
		}},
	}
}

func network() []boundary {
	loops := func(transport func() *http.Transport) func(*testing.T, Ref) string {
		return func(t *testing.T, r Ref) string {
			server := httptest.NewServer(http.NotFoundHandler())
			defer server.Close()
			tr := transport()
			defer tr.CloseIdleConnections()
			resp, err := (&http.Client{Transport: tr}).Get(server.URL)
			if err != nil {
				t.Error(err)
				return wrong
			}
			if _, err := io.Copy(io.Discard, resp.Body); err != nil {
				t.Error(err)
			}
			if err := resp.Body.Close(); err != nil {
				t.Error(err)
			}
			var dump bytes.Buffer
			if err := pprof.Lookup("goroutine").WriteTo(&dump, 1); err != nil {
				t.Error(err)
			}
			for block := range strings.SplitSeq(dump.String(), "\n\n") {
				if strings.Contains(block, "net/http.(*persistConn)") && strings.Contains(block, r.SpanContext().TraceID().String()) {
					return keeps
				}
			}
			return none
		}
	}
	return []boundary{
		{name: "`http.Server`'s handler", plain: none, run: func(t *testing.T, r Ref) string {
			return elsewhere(r, func(f func()) {
				var server *httptest.Server
				Background(func() {
					server = httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { f() }))
				})
				defer server.Close()
				resp, err := server.Client().Get(server.URL)
				if err != nil {
					t.Error(err)
					return
				}
				if err := resp.Body.Close(); err != nil {
					t.Error(err)
				}
			})
		}, with: "`trace.Handler`", fixed: carried_, fix: func(_ *testing.T, r Ref) string {
			// What trace.Handler does with the span it makes of the headers.
			ctx := NewContext(bg, r)
			return elsewhere(r, func(f func()) {
				Background(func() {
					defer EnterContext(ctx).Leave()
					f()
				})
			})
		}},
		{
			name: "`http.Transport`'s connection loops", plain: keeps, run: loops(func() *http.Transport { return new(http.Transport) }),
			with: "`DialContext`", fixed: none, fix: loops(func() *http.Transport { return &http.Transport{DialContext: DialContext(nil)} }),
		},
	}
}

func runtimeOwn() []boundary {
	collect := func(r Ref, arm func(f func())) string {
		got := make(chan string, 1)
		arm(func() { got <- seen(r) })
		for {
			runtime.GC()
			select {
			case s := <-got:
				return s
			case <-time.After(time.Millisecond):
			}
		}
	}
	return []boundary{
		{name: "`runtime.SetFinalizer`", plain: none, run: func(_ *testing.T, r Ref) string {
			return collect(r, func(f func()) { runtime.SetFinalizer(new([64]byte), func(*[64]byte) { f() }) })
		}, with: "`Bind`", fixed: carried_, fix: func(_ *testing.T, r Ref) string {
			return collect(r, func(f func()) {
				f = Bind(f)
				runtime.SetFinalizer(new([64]byte), func(*[64]byte) { f() })
			})
		}},
		{name: "`runtime.AddCleanup`", plain: none, run: func(_ *testing.T, r Ref) string {
			return collect(r, func(f func()) { runtime.AddCleanup(new([64]byte), func(int) { f() }, 0) })
		}, with: "`Bind`", fixed: carried_, fix: func(_ *testing.T, r Ref) string {
			return collect(r, func(f func()) {
				f = Bind(f)
				runtime.AddCleanup(new([64]byte), func(int) { f() }, 0)
			})
		}},
	}
}

func callbacks() []boundary {
	if !cgotest.Supported {
		return nil
	}
	call := func(t *testing.T, by func(func()) error, f func()) {
		if err := by(f); err != nil {
			t.Error(err)
		}
	}
	return []boundary{
		{name: "cgo callback, same thread", plain: carried_, run: func(t *testing.T, r Ref) string {
			return elsewhere(r, func(f func()) { call(t, cgotest.Here, f) })
		}},
		{name: "cgo callback on a foreign thread", plain: none, run: func(t *testing.T, r Ref) string {
			return elsewhere(r, func(f func()) { call(t, cgotest.Thread, f) })
		}, with: "`Bind`", fixed: carried_, fix: func(t *testing.T, r Ref) string {
			return elsewhere(r, func(f func()) { call(t, cgotest.Thread, Bind(f)) })
		}},
		{name: "foreign thread, after a callback that entered a span and did not leave", plain: linked, run: func(t *testing.T, r Ref) string {
			defer call(t, cgotest.Thread, func() { Ref{}.Enter() }) // for the tests that follow
			call(t, cgotest.Thread, func() { r.Enter() })
			r.End()
			return elsewhere(r, func(f func()) { call(t, cgotest.Thread, f) })
		}, with: "`defer r.Enter().Leave()`", fixed: none, fix: func(t *testing.T, r Ref) string {
			call(t, cgotest.Thread, func() { defer r.Enter().Leave() })
			return elsewhere(r, func(f func()) { call(t, cgotest.Thread, f) })
		}},
	}
}
