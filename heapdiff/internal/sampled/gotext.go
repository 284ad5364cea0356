package sampled

import (
	"bytes"
	"regexp"
	"strconv"

	"github.com/google/pprof/profile"
)

// Runtime is what Go's text profile (?debug=1) says of the garbage collector at
// its end, and what runtime/metrics adds where the process shows them. Sizes are
// in bytes.
type Runtime struct {
	NumGC        int64 `json:"num_gc"`        // completed cycles
	HeapAlloc    int64 `json:"heap_alloc"`    // objects, those not swept yet too
	HeapInuse    int64 `json:"heap_inuse"`    // spans that hold objects
	HeapIdle     int64 `json:"heap_idle"`     // spans that hold none
	HeapReleased int64 `json:"heap_released"` // of which the system has taken back
	HeapObjects  int64 `json:"heap_objects"`
	NextGC       int64 `json:"next_gc"` // heap size at which the next cycle ends: goes with what was live
	Stack        int64 `json:"stack"`   // of goroutines

	// From runtime/metrics, 0 where they are not known.
	HeapLive    int64 `json:"heap_live,omitempty"`    // /gc/heap/live:bytes, what the last cycle has left
	MemoryLimit int64 `json:"memory_limit,omitempty"` // /gc/gomemlimit:bytes, 0 also without a limit
	Limited     int64 `json:"limited,omitempty"`      // /gc/limiter/last-enabled:gc-cycle
}

var (
	memStat    = regexp.MustCompile(`^# (NumGC|HeapAlloc|HeapInuse|HeapIdle|HeapReleased|HeapObjects|NextGC|Stack) = (\d+)`)
	symbolLine = regexp.MustCompile(`^#\t(0x[0-9a-f]+)\t(\S+)\+0x[0-9a-f]+\t`)
)

// parseRuntime reads the numbers; nil if there is no NumGC among them.
func parseRuntime(data []byte) *Runtime {
	var r Runtime
	fields := map[string]*int64{
		"NumGC": &r.NumGC, "HeapAlloc": &r.HeapAlloc, "HeapInuse": &r.HeapInuse, "HeapIdle": &r.HeapIdle,
		"HeapReleased": &r.HeapReleased, "HeapObjects": &r.HeapObjects, "NextGC": &r.NextGC, "Stack": &r.Stack,
	}
	found := false
	for line := range bytes.Lines(data) {
		m := memStat.FindSubmatch(line)
		if m == nil {
			continue
		}
		n, err := strconv.ParseInt(string(m[2]), 10, 64)
		if err != nil {
			continue // beyond any size
		}
		name := string(m[1])
		*fields[name] = n
		found = found || name == "NumGC"
	}
	if !found {
		return nil
	}
	return &r
}

// nameLocations names the addresses of a text profile by the comments that Go
// puts below each stack. A call that was inlined shares its caller's address:
// the first name for one is the innermost, and all are kept, in order.
func nameLocations(p *profile.Profile, data []byte) {
	names := map[uint64][]string{}
	seen := map[uint64]int{} // lines so far of the address in the current record
	for line := range bytes.Lines(data) {
		m := symbolLine.FindSubmatch(line)
		if m == nil {
			clear(seen)
			continue
		}
		addr, err := strconv.ParseUint(string(m[1]), 0, 64)
		if err != nil {
			continue
		}
		if seen[addr]++; seen[addr] > len(names[addr]) {
			names[addr] = append(names[addr], string(m[2]))
		}
	}
	functions := map[string]*profile.Function{}
	for _, loc := range p.Location {
		for _, name := range names[loc.Address] { // both point into the call
			f := functions[name]
			if f == nil {
				f = &profile.Function{ID: uint64(len(functions) + 1), Name: name}
				functions[name] = f
				p.Function = append(p.Function, f)
			}
			loc.Line = append(loc.Line, profile.Line{Function: f})
		}
	}
}
