package genmap

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The rows that name a stretch of the heap. All HotSpot versions from 8 to 25
// print one of these; the comment names the function that does.
var (
	// Space::print_on and MutableSpace::print_on; 17's "the space" has a fourth number.
	spaceRow = regexp.MustCompile(`^\s*(eden|from|to|the|object)\s+space .*\[0x([0-9a-f]+),\s*0x([0-9a-f]+),(?:\s*0x[0-9a-f]+,)?\s*0x([0-9a-f]+)\)`)
	// ConcurrentMarkSweepGeneration::print_on: its free lists leave no top.
	cmsRow = regexp.MustCompile(`^\s*concurrent mark-sweep generation .*\[0x([0-9a-f]+),\s*0x([0-9a-f]+),\s*0x[0-9a-f]+\)`)
	// G1HeapRegion::print_on.
	g1Row = regexp.MustCompile(`^\|\s*\d+\|0x([0-9a-f]+), 0x([0-9a-f]+), 0x([0-9a-f]+)\|\s*\d+%\|\s*(\w+)\|`)
	// ZPage::print_on; without the letter a ZGC of one generation.
	zRow = regexp.MustCompile(`^\s*(?:Small|Medium|Large)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)\s+(?:([YO])/\d+)?`)
	// ShenandoahHeapRegion::print_on; a column P only in generational mode.
	shenandoahRow = regexp.MustCompile(`^\|\s*\d+\|\w+\s*\|(?:([YOF])\|)?BTE\s+([0-9a-f]+),\s+([0-9a-f]+),\s+([0-9a-f]+)\|(.*\|P )?`)

	counterRow = regexp.MustCompile(`^sun\.gc\.collector\.(\d+)\.(invocations|name)=(.*)$`)

	// decoration is what unified logging and its -Xloggc ancestor put before a line.
	decoration = regexp.MustCompile(`^(?:\[[^\]]*\])+\s*(?:GC\(\d+\) ?)?`)
)

// The headings that name a collector, as a prefix of a trimmed line.
var headings = []struct{ prefix, collector string }{
	{"def new generation", "Serial"},
	{"DefNew", "Serial"},
	{"PSYoungGen", "Parallel"},
	{"par new generation", "CMS"},
	{"garbage-first heap", "G1"},
	{"ZHeap", "ZGC"},
	{"Shenandoah Heap", "Shenandoah"},
	{"Epsilon Heap", "Epsilon"}, // which never collects
}

// Parse reads a map from text. If the text holds several, as a GC log does or
// hs_err with its history, the newest one counts.
func Parse(s string) (*Map, error) {
	m := &Map{Counters: map[string]int64{}}
	single := 0
	for _, line := range block(lines(s)) {
		one, err := m.row(line)
		if err != nil {
			return nil, err
		}
		if one {
			single++
		}
	}
	m.counters(lines(s))
	switch {
	case single > 0 && single < len(m.Regions):
		return nil, fmt.Errorf("%w: %d of %d regions have no generation", ErrTorn, single, len(m.Regions))
	case single > 0 || m.Collector == "Epsilon":
		return nil, fmt.Errorf("%w: %s of one generation", ErrNoGenerations, m.Collector)
	case len(m.Regions) > 0:
		return m, m.sorted()
	case m.Collector == "G1":
		return nil, errors.New("there are no region rows of G1: GC.heap_info leaves them out, VM.info (JDK 9 and later) has them")
	case m.Collector == "ZGC" || m.Collector == "Shenandoah":
		return nil, fmt.Errorf("there are no region rows of %s: GC.heap_info leaves them out, VM.info has them", m.Collector)
	case len(m.Counters) > 0:
		return m, nil // counters beside the map, for Join
	default:
		return nil, errors.New("there is no heap layout in it; save the output of jcmd PID VM.info")
	}
}

// row adds the region that line describes, if it does. single reports a region
// of a collector that has one generation only.
func (m *Map) row(line string) (single bool, err error) {
	for _, h := range headings {
		if strings.HasPrefix(strings.TrimSpace(line), h.prefix) {
			m.Collector = h.collector
		}
	}
	if p := spaceRow.FindStringSubmatch(line); p != nil {
		gen := Young
		if p[1] == "the" || p[1] == "object" {
			gen = Old
		}
		return false, m.add(gen, p[2], p[3], p[4])
	}
	if p := cmsRow.FindStringSubmatch(line); p != nil {
		return false, m.add(Old, p[1], p[2], p[2])
	}
	if p := g1Row.FindStringSubmatch(line); p != nil {
		return false, m.g1(p)
	}
	if p := zRow.FindStringSubmatch(line); p != nil {
		m.Collector, m.Offset = "ZGC", true
		return p[4] == "", m.add(letter(p[4]), p[1], p[2], p[3])
	}
	if p := shenandoahRow.FindStringSubmatch(line); p != nil {
		m.Collector = "Shenandoah"
		if p[1] == "F" {
			return false, nil
		}
		return p[5] == "", m.add(letter(p[1]), p[2], p[3], p[4])
	}
	return false, nil
}

func (m *Map) g1(p []string) error {
	m.Collector = "G1"
	switch p[4] {
	case "F":
		r, err := region(Young, p[1], p[1], p[3])
		m.free = append(m.free, r)
		return err
	case "E", "S":
		return m.add(Young, p[1], p[2], p[3])
	case "O", "HS", "HC", "OA", "CA", "A":
		return m.add(Old, p[1], p[2], p[3])
	default:
		return fmt.Errorf("unknown type %q of a G1 region", p[4])
	}
}

func letter(s string) Gen {
	if s == "O" {
		return Old
	}
	return Young
}

func (m *Map) add(gen Gen, lo, top, end string) error {
	r, err := region(gen, lo, top, end)
	m.Regions = append(m.Regions, r)
	return err
}

func region(gen Gen, lo, top, end string) (Region, error) {
	var v [3]uint64
	for i, s := range []string{lo, top, end} {
		n, err := strconv.ParseUint(s, 16, 64)
		if err != nil {
			return Region{}, fmt.Errorf("address %q: %w", s, err)
		}
		v[i] = n
	}
	return Region{v[0], v[1], v[2], gen}, nil
}

// counters reads PerfCounter.print's rows.
func (m *Map) counters(t text) {
	names, runs := map[string]string{}, map[string]int64{}
	for _, line := range t {
		p := counterRow.FindStringSubmatch(strings.TrimSpace(line))
		if p == nil {
			continue
		}
		if p[2] == "name" {
			names[p[1]] = strings.Trim(p[3], `"`)
		} else if n, err := strconv.ParseInt(p[3], 10, 64); err == nil {
			runs[p[1]] = n
		}
	}
	for i, n := range runs {
		name := names[i]
		if name == "" {
			name = "collector " + i
		}
		m.Counters[name] = n
	}
}

// Block returns the part of VM.info, or of any other text that Parse reads, that
// shows the heap now. The rest, which holds the environment variables and the
// command line of the JVM, is left behind.
func Block(s string) string { return strings.Join(block(lines(s)), "\n") + "\n" }

// block cuts the newest layout out of t. VM.info and hs_err repeat older ones
// under "GC Heap History"; a log has one before and after each collection.
func block(t text) text {
	for i, line := range t {
		t[i] = decoration.ReplaceAllString(line, "")
	}
	if i := slices.Index(t, "Heap:"); i >= 0 {
		return until(t[i:])
	}
	for i, v := range slices.Backward(t) {
		l := strings.ToLower(v)
		if strings.Contains(l, "heap before gc invocations") || strings.Contains(l, "heap after gc invocations") {
			return until(t[i:])
		}
	}
	return until(t)
}

// ends are the headings behind the layout in VM.info and hs_err.
var ends = []string{
	"GC Heap History", "GC Heap Usage History", "Events (", "Metaspace:", "CodeCache:", "Polling page:",
	"Dll operation events", "Compilation events", "Environment Variables", "Dynamic libraries:", "VM Arguments:", "}",
}

func until(t text) text {
	for i, line := range t {
		for _, end := range ends {
			if strings.HasPrefix(line, end) {
				return t[:i]
			}
		}
	}
	return t
}
