// Package genmap reads from HotSpot's own words which addresses of the heap are
// old and which are young, so that the objects of a heap dump, whose ids are
// addresses, can be sorted by generation.
//
// The words are those of the diagnostic commands VM.info and GC.heap_info, of an
// hs_err file or of the GC log, in the wording of JDK 8 to 25.
package genmap

import (
	"cmp"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// Gen is where an address lies.
type Gen uint8

// The places an address can have.
const (
	Stray    Gen = iota // in no region
	AboveTop            // in a region, behind what was allocated when the map was made
	Young
	Old // also humongous, archived and permanent regions, which only full collections free
)

// Region is a stretch of addresses of one generation, used from Lo up to Top.
type Region struct {
	Lo, Top, End uint64
	Gen          Gen
}

// Map is the layout of a heap at one moment.
type Map struct {
	Collector string   // "Serial", "Parallel", "CMS", "G1", "ZGC", "Shenandoah"
	Regions   []Region // by Lo, without overlap
	// Offset says that the regions are relative to a base that only the ids of
	// a dump show: ZGC prints offsets.
	Offset bool
	// Counters holds the number of collections by collector, where the text has them.
	Counters map[string]int64
	// Humongous is the size in bytes above which an object of G1 is old, wherever it
	// lies. It is 0 in a map that is not [Map.Filled], where the regions tell.
	Humongous int64

	free []Region // of G1
}

// ErrNoGenerations is the class of errors for a heap that has a known layout
// but no generations.
var ErrNoGenerations = errors.New("the collector has no generations")

// ErrTorn is the class of errors for a layout that cannot have been: the heap has
// changed while it was printed.
var ErrTorn = errors.New("the heap changed while its layout was printed")

// Lookup returns where id lies. hint is the index of the region that the caller
// met last, or 0; the index of the region found is returned for the next call.
func (m *Map) Lookup(id uint64, hint int) (Gen, int) {
	if hint < len(m.Regions) {
		if r := &m.Regions[hint]; id >= r.Lo && id < r.Top {
			return r.Gen, hint
		}
	}
	i, found := slices.BinarySearchFunc(m.Regions, id, func(r Region, id uint64) int { return cmp.Compare(r.Lo, id) })
	if !found {
		i--
	}
	if i < 0 || id >= m.Regions[i].End {
		return Stray, hint
	}
	if id >= m.Regions[i].Top {
		return AboveTop, i
	}
	return m.Regions[i].Gen, i
}

// Based returns the map with absolute addresses, given any id of the dump. ZGC
// maps its heap at a power of two that is larger than any offset (ZAddressHeapBase).
func (m *Map) Based(id uint64) *Map {
	if !m.Offset || id == 0 {
		return m
	}
	base := uint64(1) << (bits.Len64(id) - 1)
	out := *m
	out.Offset = false
	out.Regions = slices.Clone(m.Regions)
	for i := range out.Regions {
		r := &out.Regions[i]
		r.Lo, r.Top, r.End = r.Lo+base, r.Top+base, r.End+base
	}
	return &out
}

// Join returns one map for a dump that was taken between the two moments, and
// says in doubts what shows that a collection ran in between. Young regions may
// have been filled further; they count up to the later top.
func Join(before, after *Map) (joined *Map, doubts []string) {
	if before.Collector != after.Collector {
		return before, []string{fmt.Sprintf("one map is of %s, the other of %s", before.Collector, after.Collector)}
	}
	if a, b := oldPart(before), oldPart(after); !slices.Equal(a, b) {
		doubts = append(doubts, fmt.Sprintf("the old regions of the two maps differ: %d with %d bytes before, %d with %d bytes after", len(a), used(a), len(b), used(b)))
	}
	later := map[uint64]Region{}
	for _, r := range after.Regions {
		later[r.Lo] = r
	}
	for _, r := range before.Regions {
		if l, ok := later[r.Lo]; r.Gen == Young && (!ok || l.Gen != Young || l.Top < r.Top) {
			doubts = append(doubts, fmt.Sprintf("the young region at %#x is another one in the second map", r.Lo))
			break
		}
	}
	return after, doubts
}

// Filled returns the map of a heap in which the program has gone on to allocate for
// an unknown time since m was made, and nothing was collected. New objects lie
// behind the old tops and, of G1, in regions that were free: a program takes these
// for young objects, and for humongous ones, which are old. Collectors that move
// objects while the program runs have no such map.
func (m *Map) Filled() (*Map, error) {
	switch m.Collector {
	case "Serial", "Parallel", "G1":
	default:
		return nil, fmt.Errorf("%s moves objects between the collections that it counts", m.Collector)
	}
	out := *m
	out.Regions = append(slices.Clone(m.Regions), m.free...)
	for i := range out.Regions {
		r := &out.Regions[i]
		if m.Collector == "G1" && r.Gen == Old {
			continue // only a collection allocates in it
		}
		r.Top = r.End
		if m.Collector == "G1" {
			out.Humongous = int64(r.End-r.Lo) / 2
		}
	}
	out.free = nil
	return &out, out.sorted()
}

// Moved says which collectors ran between two readings of the counters, and adds
// those of the later reading to the earlier one.
func Moved(before, after map[string]int64) (doubts []string) {
	for name, n := range after {
		if old, ok := before[name]; ok && old != n {
			doubts = append(doubts, fmt.Sprintf("%s: %d between the two maps", name, n-old))
		}
		before[name] = n
	}
	slices.Sort(doubts)
	return doubts
}

// Mark begins each map in a text that holds several, one before the dump and
// one after it.
const Mark = "# heapdiff map"

// Began follows Mark before counters that were read while the dump was being
// written: if they are those of the map before, nothing was collected in between,
// whatever ran after.
const Began = " when the dump had begun"

// Split cuts a text at its marks. A text without marks is one map.
func Split(s string) []string {
	parts := strings.Split("\n"+s, "\n"+Mark)
	if strings.TrimSpace(parts[0]) == "" && len(parts) > 1 {
		parts = parts[1:]
	}
	return parts
}

func oldPart(m *Map) []Region {
	var old []Region
	for _, r := range m.Regions {
		if r.Gen == Old && r.Top > r.Lo {
			old = append(old, r)
		}
	}
	return old
}

func used(rs []Region) uint64 {
	var n uint64
	for _, r := range rs {
		n += r.Top - r.Lo
	}
	return n
}

// sorted puts the regions in order and refuses what no heap looks like.
func (m *Map) sorted() error {
	slices.SortFunc(m.Regions, func(a, b Region) int { return cmp.Compare(a.Lo, b.Lo) })
	for i, r := range m.Regions {
		if r.Top < r.Lo || r.End < r.Top {
			return fmt.Errorf("%w: the region at %#x ends at %#x before its top %#x", ErrTorn, r.Lo, r.End, r.Top)
		}
		if i > 0 && r.Lo < m.Regions[i-1].End {
			return fmt.Errorf("%w: the regions at %#x and %#x overlap", ErrTorn, m.Regions[i-1].Lo, r.Lo)
		}
	}
	return nil
}

// text is one source of a map in several lines.
type text []string

func lines(s string) text { return strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n") }
