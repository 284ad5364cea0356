package propagate

import (
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// LostKind says in what way a context went astray.
type LostKind uint8

const (
	// NoContext is work handed on, or a span started, where neither the
	// context.Context nor the goroutine carried anything.
	NoContext LostKind = iota
	// Stale is a goroutine asked for its context after the span it carries had
	// ended. It fell back to the nearest live span around it, or to none.
	Stale
	// Clobbered is a Leave that found the goroutine's context taken off by
	// others, most often by pprof.Do with a context that has none. On a
	// goroutine that carried nothing before, a second Leave of a span that
	// still lives looks the same.
	Clobbered
	// LeftTwice is a Leave that found the goroutine as that Leave would have
	// made it.
	LeftTwice
	// LeftElsewhere is a Leave on a goroutine that carries another span: on
	// the wrong one, or out of order.
	LeftElsewhere
	// NilFunc is a nil function handed over for running.
	NilFunc
	// ResumedRunning is a continuation resumed while a step of it was running.
	ResumedRunning
	// ResumedDone is a continuation resumed, or ended, after it was done.
	ResumedDone
	// Abandoned is a continuation that nobody can resume any more and that was
	// never done.
	Abandoned
	// CompletedTwice is a future that was given a second outcome.
	CompletedTwice
	// LoopClosed is a task submitted to a closed loop.
	LoopClosed
	// LoopDropped is a task that a full loop dropped, as it was told to.
	LoopDropped

	kinds = iota
)

var kindNames = [kinds]string{
	"no_context", "stale", "clobbered", "left_twice", "left_elsewhere", "nil_func", "resumed_running",
	"resumed_done", "abandoned", "completed_twice", "loop_closed", "loop_dropped",
}

// String returns the kind's name as metrics show it, such as "left_twice".
func (k LostKind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("LostKind(%d)", uint8(k))
}

// LostSite is a place in the program where contexts go astray.
type LostSite struct {
	Kind LostKind
	// Site is the nearest caller outside clew and net/http. It is the zero Place for what
	// has no caller, and for all sites beyond the first 256 of the program.
	Site Place
	// Creator is where the goroutine was started, as seen at the first event
	// and at every doubling of their number; zero for the main goroutine.
	Creator Place
	// Count is the number of events. From the 1025th of a kind on, NoContext
	// and Stale are sampled, one in 16, and Count is an estimate.
	Count uint64
}

// Place is a position in the program's source.
type Place struct {
	Function string
	File     string
	Line     int
}

// String returns the place as function (file:line).
func (p Place) String() string {
	if p.Function == "" {
		return "unknown"
	}
	return fmt.Sprintf("%s (%s:%d)", p.Function, p.File, p.Line)
}

const (
	maxSites    = 256
	maxFrames   = 24 // how far up the stack a site is looked for
	maxKnown    = 4096
	exactEvents = 1024
	sampleEvery = 16
)

// siteKey is a kind and a return address, zero for no site.
type siteKey struct {
	kind LostKind
	pc   uintptr
}

type siteCount struct {
	n       uint64
	creator Place
}

// lost counts the events of the program.
var lost struct {
	seen  [kinds]atomic.Uint64
	mu    sync.Mutex
	sites map[siteKey]*siteCount
	known map[uintptr]bool // return addresses, and whether they are no site
}

// Lost returns the places where contexts went astray since the program began,
// most frequent first, and of equals in the order of their names. Memory for
// them is bounded; counting is always on.
func Lost() iter.Seq[LostSite] {
	merged := map[LostSite]uint64{} // one line may be compiled into several places
	lost.mu.Lock()
	for k, c := range lost.sites {
		merged[LostSite{Kind: k.kind, Site: placeOf(k.pc), Creator: c.creator}] += c.n
	}
	lost.mu.Unlock()
	all := make([]LostSite, 0, len(merged))
	for s, n := range merged {
		s.Count = n
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b LostSite) int {
		if a.Count != b.Count {
			if a.Count > b.Count {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Kind.String()+a.Site.String(), b.Kind.String()+b.Site.String())
	})
	return slices.Values(all)
}

// NoteOrphan counts a [NoContext] event at the nearest caller outside clew: for
// packages that start spans, when one that should have had a parent found none.
// In a program that has had no context yet, it counts nothing.
func NoteOrphan() {
	if inUse.Load() {
		note(NoContext)
	}
}

// note counts an event at the place where this module was called.
func note(kind LostKind) {
	n, weight := lost.seen[kind].Add(1), uint64(1)
	if n > exactEvents && (kind == NoContext || kind == Stale) {
		if n%sampleEvery != 0 {
			return
		}
		weight = sampleEvery
	}
	var pcs [maxFrames]uintptr
	noteAt(kind, pcs[:runtime.Callers(3, pcs[:])], weight)
}

// noteNowhere counts an event that no caller is to blame for.
func noteNowhere(kind LostKind) {
	lost.seen[kind].Add(1)
	noteAt(kind, nil, 1)
}

func noteAt(kind LostKind, pcs []uintptr, weight uint64) {
	lost.mu.Lock()
	defer lost.mu.Unlock()
	k := siteKey{kind, siteIn(pcs)}
	c := lost.sites[k]
	if c == nil {
		if lost.sites == nil {
			lost.sites = make(map[siteKey]*siteCount)
		}
		if len(lost.sites) >= maxSites {
			k.pc = 0
		}
		if c = lost.sites[k]; c == nil {
			c = new(siteCount)
			lost.sites[k] = c
		}
	}
	before := c.n
	c.n += weight
	if k.pc != 0 && before&(before-1) == 0 {
		c.creator = creator()
	}
}

// siteIn returns the innermost return address that is a site. The caller holds
// the lock.
func siteIn(pcs []uintptr) uintptr {
	for _, pc := range pcs {
		no, ok := lost.known[pc]
		if !ok {
			no = between(placeOf(pc))
			if lost.known == nil {
				lost.known = make(map[uintptr]bool)
			}
			if len(lost.known) < maxKnown {
				lost.known[pc] = no
			}
		}
		if !no {
			return pc
		}
	}
	return 0
}

func placeOf(pc uintptr) Place {
	if pc == 0 {
		return Place{}
	}
	f, _ := runtime.CallersFrames([]uintptr{pc}).Next()
	return Place{f.Function, f.File, f.Line}
}

// notSites are the packages between an event and the code that it is about.
var notSites = []string{
	"github.com/clewhq/clew/propagate.", "github.com/clewhq/clew/trace.",
	"net/http.", "golang.org/x/net/http2.", "runtime.",
}

// between reports whether p is no site: tests of these packages are.
func between(p Place) bool {
	return !strings.HasSuffix(p.File, "_test.go") &&
		slices.ContainsFunc(notSites, func(pkg string) bool { return strings.HasPrefix(p.Function, pkg) })
}

// creator returns where the running goroutine was started. The runtime tells
// only in the text of a stack trace.
func creator() Place {
	buf := make([]byte, 4096)
	for {
		n := runtime.Stack(buf, false)
		if n < len(buf) {
			return parseCreator(string(buf[:n]))
		}
		if len(buf) >= 1<<20 {
			return Place{}
		}
		buf = make([]byte, 4*len(buf))
	}
}

func parseCreator(stack string) Place {
	const by = "\ncreated by "
	i := strings.LastIndex(stack, by)
	if i < 0 {
		return Place{}
	}
	function, rest, _ := strings.Cut(stack[i+len(by):], "\n")
	function, _, _ = strings.Cut(function, " in goroutine ")
	p := Place{Function: function}
	rest, _, _ = strings.Cut(strings.TrimLeft(rest, "\t"), "\n")
	if at := strings.LastIndex(rest, " +0x"); at >= 0 {
		rest = rest[:at]
	}
	if colon := strings.LastIndexByte(rest, ':'); colon >= 0 {
		p.File = rest[:colon]
		_, _ = fmt.Sscanf(rest[colon+1:], "%d", &p.Line)
	}
	return p
}
