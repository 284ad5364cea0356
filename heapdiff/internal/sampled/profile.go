package sampled

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/google/pprof/profile"
	"google.golang.org/protobuf/encoding/protowire"
)

// Profile is a sampled heap profile, by allocation stack.
type Profile struct {
	// Go says that the profile is of a Go program; else it is of jemalloc,
	// tcmalloc or another allocator.
	Go     bool
	Time   time.Time // zero if the profile does not tell
	Rate   int64     // mean bytes from one sample to the next; 1 if all are recorded
	Stacks []Stack   // by bytes in use, largest first
	// Allocations says that the profile counts what was allocated, not only
	// what is in use.
	Allocations bool
	Runtime     *Runtime // nil unless the profile is Go's text
	Unnamed     bool     // whether addresses stand for functions
	// Truncated says that a text breaks off: what is missing can't be told.
	Truncated bool
}

// Stack is the allocations of one call stack.
type Stack struct {
	Frames  []string // functions, the one that allocates first
	InUse   Count
	Alloced Count
}

// Count is how many objects of a stack there are, estimated from the sampled ones.
type Count struct {
	Objects, Bytes int64
	// Sampled is how many of them were really recorded.
	Sampled int64
}

func (c *Count) add(o Count) {
	c.Objects += o.Objects
	c.Bytes += o.Bytes
	c.Sampled += o.Sampled
}

// ErrNoHeap is the error for a profile of something else than a heap.
var ErrNoHeap = errors.New("it is a profile, but not one of a heap")

// Sniff reports whether data looks like a heap profile, unpacked.
func Sniff(data []byte) bool {
	return isText(data) || isJemalloc(data) || isProto(data)
}

func isText(data []byte) bool     { return bytes.HasPrefix(data, []byte("heap profile:")) }
func isJemalloc(data []byte) bool { return bytes.HasPrefix(data, []byte("heap_v2/")) }

// protoFields are the wire types of the fields of a pprof message, by number.
var protoFields = map[protowire.Number]protowire.Type{
	1: protowire.BytesType, 2: protowire.BytesType, 3: protowire.BytesType, 4: protowire.BytesType,
	5: protowire.BytesType, 6: protowire.BytesType, 7: protowire.VarintType, 8: protowire.VarintType,
	9: protowire.VarintType, 10: protowire.VarintType, 11: protowire.BytesType, 12: protowire.VarintType,
	13: protowire.BytesType, 14: protowire.VarintType, 15: protowire.VarintType,
}

// isProto looks whether the first fields of data are those of a pprof message.
func isProto(data []byte) bool {
	const enough = 4
	for n := range enough {
		if len(data) == 0 {
			return n > 0
		}
		num, typ, size := protowire.ConsumeTag(data)
		if size < 0 || num > 15 || protoFields[num] != typ {
			return false
		}
		rest := protowire.ConsumeFieldValue(num, typ, data[size:])
		if rest < 0 {
			return n > 0 // it breaks off there
		}
		data = data[size+rest:]
	}
	return true
}

// Parse reads a heap profile: a pprof message, Go's or tcmalloc's text, or
// jemalloc's heap_v2.
func Parse(data []byte) (*Profile, error) {
	if isJemalloc(data) {
		return parseJemalloc(data)
	}
	p, err := profile.ParseData(data)
	if err != nil {
		return nil, place(data, err)
	}
	out := &Profile{Rate: max(1, p.Period)}
	if p.TimeNanos != 0 {
		out.Time = time.Unix(0, p.TimeNanos).UTC()
	}
	if isText(data) {
		out.Runtime = parseRuntime(data)
		out.Truncated = out.Runtime == nil && !bytes.Contains(data, []byte("\nMAPPED_LIBRARIES:"))
		nameLocations(p, data)
	}
	return out, out.fill(p)
}

// columns are the places of a profile's values.
type columns struct{ allocObjects, allocBytes, inUseObjects, inUseBytes int }

func findColumns(p *profile.Profile) (columns, bool) {
	at := func(names ...string) int {
		return slices.IndexFunc(p.SampleType, func(v *profile.ValueType) bool { return slices.Contains(names, v.Type) })
	}
	c := columns{
		allocObjects: at("alloc_objects"), allocBytes: at("alloc_space"),
		inUseObjects: at("inuse_objects", "objects"), inUseBytes: at("inuse_space", "space"),
	}
	return c, c.inUseObjects >= 0 && c.inUseBytes >= 0
}

func (out *Profile) fill(p *profile.Profile) error {
	c, ok := findColumns(p)
	if !ok {
		return ErrNoHeap
	}
	out.Allocations = c.allocObjects >= 0 && c.allocBytes >= 0
	b := builder{rate: out.Rate, index: map[string]int{}}
	for i, s := range p.Sample {
		frames := trim(b.frames(s))
		inUse, err := b.count(s.Value[c.inUseObjects], s.Value[c.inUseBytes])
		if err != nil {
			return fmt.Errorf("sample %d: in use: %w", i, err)
		}
		var alloced Count
		if out.Allocations {
			if alloced, err = b.count(s.Value[c.allocObjects], s.Value[c.allocBytes]); err != nil {
				return fmt.Errorf("sample %d: allocated: %w", i, err)
			}
		}
		b.add(frames, inUse, alloced)
	}
	out.Go = b.isGo || out.Runtime != nil
	out.Stacks = b.done()
	for _, s := range out.Stacks {
		out.Unnamed = out.Unnamed || slices.ContainsFunc(s.Frames, unnamed)
	}
	return nil
}

// builder merges samples of one stack: an allocator keeps one for each size.
type builder struct {
	rate   int64
	index  map[string]int
	stacks []Stack
	isGo   bool
}

// maxObjects bounds a count, so that sums of counts stay numbers.
const maxObjects = 1 << 50

// count recovers how many objects were sampled from the estimate that the
// profiler made of them, n / (1-exp(-size/rate)).
func (b *builder) count(objects, size int64) (Count, error) {
	if objects < 0 || size < 0 || objects > maxObjects || size > maxObjects {
		return Count{}, fmt.Errorf("%d objects of %d bytes: a heap has no such number", objects, size)
	}
	if objects == 0 {
		return Count{}, nil
	}
	sampled := float64(objects)
	if b.rate > 1 {
		sampled *= -math.Expm1(-float64(size) / float64(objects) / float64(b.rate))
	}
	return Count{Objects: objects, Bytes: size, Sampled: max(1, int64(math.Round(sampled)))}, nil
}

func (b *builder) add(frames []string, inUse, alloced Count) {
	key := strings.Join(frames, "\x00")
	i, ok := b.index[key]
	if !ok {
		i = len(b.stacks)
		b.index[key] = i
		b.stacks = append(b.stacks, Stack{Frames: frames})
	}
	b.stacks[i].InUse.add(inUse)
	b.stacks[i].Alloced.add(alloced)
}

// done returns the stacks, those without any object left out.
func (b *builder) done() []Stack {
	b.stacks = slices.DeleteFunc(b.stacks, func(s Stack) bool { return s.InUse == Count{} && s.Alloced == Count{} })
	slices.SortFunc(b.stacks, func(x, y Stack) int {
		return cmp.Or(cmp.Compare(y.InUse.Bytes, x.InUse.Bytes), slices.Compare(x.Frames, y.Frames))
	})
	return b.stacks
}

// frames names the functions of a sample. Inlined calls have a line each.
func (b *builder) frames(s *profile.Sample) []string {
	var out []string
	for _, loc := range s.Location {
		named := false
		for _, l := range loc.Line {
			if l.Function == nil || l.Function.Name == "" {
				continue
			}
			named = true
			out = append(out, l.Function.Name)
			if strings.HasPrefix(l.Function.Name, "runtime.") || strings.HasPrefix(l.Function.Name, "main.") {
				b.isGo = true
			}
		}
		if !named {
			out = append(out, address(loc.Address, loc.Mapping))
		}
	}
	return out
}

// trim leaves out what Go's own profiles leave out, so that its two forms of one
// stack are the same: the allocator's functions at the innermost end, and what
// starts a goroutine at the outermost.
func trim(frames []string) []string {
	from, to := 0, len(frames)
	inside := func(f string) bool { return unnamed(f) || strings.HasPrefix(f, "runtime.") }
	for from < to && inside(frames[from]) {
		from++
	}
	if from == to { // the runtime's own, or all without names
		from = 0
	}
	if !slices.ContainsFunc(frames, func(f string) bool { return !unnamed(f) }) {
		return frames
	}
	for to > from && (unnamed(frames[to-1]) || frames[to-1] == "runtime.goexit") {
		to--
	}
	return frames[from:to]
}

func unnamed(frame string) bool { return strings.HasPrefix(frame, "0x") }

// address names a place by its file, where it is the same in the next run.
func address(addr uint64, m *profile.Mapping) string {
	if m == nil || m.File == "" || addr < m.Start {
		return fmt.Sprintf("%#x", addr)
	}
	return fmt.Sprintf("%s+%#x", m.File[strings.LastIndexByte(m.File, '/')+1:], addr-m.Start+m.Offset)
}

// ParseCount reads a profile that counts things of one kind by stack, such as
// goroutines, into InUse.Objects; the largest count first.
func ParseCount(data []byte) ([]Stack, error) {
	p, err := profile.ParseData(data)
	if err != nil {
		return nil, place(data, err)
	}
	if len(p.SampleType) == 0 || p.SampleType[0].Unit != "count" {
		return nil, errors.New("it is a profile, but counts nothing")
	}
	b := builder{rate: 1, index: map[string]int{}}
	for i, s := range p.Sample {
		c, err := b.count(s.Value[0], s.Value[0])
		if err != nil {
			return nil, fmt.Errorf("sample %d: %w", i, err)
		}
		b.add(b.frames(s), c, Count{})
	}
	return b.done(), nil
}
