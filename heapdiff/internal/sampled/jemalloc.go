package sampled

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/google/pprof/profile"
)

// jemallocCount is one line below a stack: current objects and bytes, and in
// brackets what was accumulated, which is 0 unless prof_accum is on. It counts
// what was sampled, not scaled.
var jemallocCount = regexp.MustCompile(`^t\*: (\d+): (\d+) \[(\d+): (\d+)\]$`)

// parseJemalloc reads jemalloc's heap_v2 format: a header with the mean bytes
// between samples, the totals, then stacks with the counts of all threads (t*)
// and of each, then the process's mappings.
func parseJemalloc(data []byte) (*Profile, error) {
	text, mappings, whole := bytes.Cut(data, []byte("\nMAPPED_LIBRARIES:\n"))
	lines := strings.Split(string(text), "\n")
	rate, err := strconv.ParseInt(strings.TrimPrefix(lines[0], "heap_v2/"), 10, 64)
	if err != nil || rate < 1 {
		return nil, fmt.Errorf("line 1: %q has no sampling rate", lines[0])
	}
	maps, err := profile.ParseProcMaps(bytes.NewReader(mappings))
	if err != nil {
		return nil, fmt.Errorf("MAPPED_LIBRARIES: %w", err)
	}
	out := &Profile{Rate: rate, Unnamed: true, Truncated: !whole}
	b := builder{rate: rate, index: map[string]int{}}
	var frames []string
	for n, line := range lines[1:] {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "@") {
			if frames, err = jemallocFrames(line, maps); err != nil {
				return nil, fmt.Errorf("line %d: %w", n+2, err)
			}
			continue
		}
		m := jemallocCount.FindStringSubmatch(line)
		switch {
		case m == nil && line != "" && !strings.HasPrefix(line, "t"):
			return nil, fmt.Errorf("line %d: %q is neither a stack nor a count", n+2, line)
		case m == nil || frames == nil: // of one thread, or the totals
			continue
		}
		inUse, errUse := jemallocScale(m[1], m[2], rate)
		alloced, errAll := jemallocScale(m[3], m[4], rate)
		if err := errors.Join(errUse, errAll); err != nil {
			return nil, fmt.Errorf("line %d: %w", n+2, err)
		}
		out.Allocations = out.Allocations || alloced.Sampled > 0
		b.add(frames, inUse, alloced)
	}
	out.Stacks = b.done()
	return out, nil
}

func jemallocFrames(line string, maps []*profile.Mapping) ([]string, error) {
	frames := []string{}
	for word := range strings.FieldsSeq(line[1:]) {
		addr, err := strconv.ParseUint(word, 0, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is no address", word)
		}
		frames = append(frames, address(addr-1, mappingOf(addr-1, maps)))
	}
	return frames, nil
}

func mappingOf(addr uint64, maps []*profile.Mapping) *profile.Mapping {
	for _, m := range maps {
		if m.Start <= addr && addr < m.Limit {
			return m
		}
	}
	return nil
}

// jemallocScale estimates all objects from those sampled.
func jemallocScale(count, size string, rate int64) (Count, error) {
	k, err1 := strconv.ParseInt(count, 10, 64)
	sum, err2 := strconv.ParseInt(size, 10, 64)
	if err1 != nil || err2 != nil || k > maxObjects || sum > maxObjects {
		return Count{}, fmt.Errorf("%s: %s: a heap has no such number", count, size)
	}
	if k == 0 || sum == 0 {
		return Count{}, nil
	}
	p := 1.0
	if rate > 1 {
		p = -math.Expm1(-float64(sum) / float64(k) / float64(rate))
	}
	return Count{Objects: int64(float64(k) / p), Bytes: int64(float64(sum) / p), Sampled: k}, nil
}
