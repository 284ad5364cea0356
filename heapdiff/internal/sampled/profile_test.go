package sampled

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"regexp"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"
)

var kept [][]byte

//go:noinline
func keep(n, size int) {
	for range n {
		kept = append(kept, make([]byte, size))
	}
}

// ownHeap writes this process's heap profile after an allocation of which each
// object was sampled.
func ownHeap(t *testing.T, debug int) []byte {
	t.Helper()
	defer func(old int) { runtime.MemProfileRate = old }(runtime.MemProfileRate)
	runtime.MemProfileRate = 1
	kept = nil
	keep(100, 1000)
	runtime.GC()
	var b bytes.Buffer
	if err := pprof.Lookup("heap").WriteTo(&b, debug); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func unzip(t *testing.T, b []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestGoProfiles(t *testing.T) {
	for name, data := range map[string][]byte{"proto": unzip(t, ownHeap(t, 0)), "text": ownHeap(t, 1)} {
		t.Run(name, func(t *testing.T) {
			if !Sniff(data) {
				t.Fatal("not recognised")
			}
			p, err := Parse(data)
			if err != nil {
				t.Fatal(err)
			}
			if !p.Go || !p.Allocations || p.Truncated || p.Rate != 1 {
				t.Errorf("profile = Go %v, allocations %v, truncated %v, rate %d", p.Go, p.Allocations, p.Truncated, p.Rate)
			}
			if name == "text" && (p.Runtime == nil || p.Runtime.NumGC == 0 || p.Runtime.NextGC == 0) {
				t.Errorf("runtime = %+v", p.Runtime)
			}
			for _, s := range p.Stacks {
				if strings.HasSuffix(s.Frames[0], "sampled.keep") && s.InUse.Objects >= 100 {
					if s.InUse.Sampled != s.InUse.Objects || s.InUse.Bytes < 100*1000 || !strings.HasSuffix(s.Frames[1], "sampled.ownHeap") {
						t.Errorf("stack = %+v", s)
					}
					return
				}
			}
			t.Errorf("no stack with keep among %d", len(p.Stacks))
		})
	}
}

// TestSampledCount recovers the sampled objects from a profiler's estimate.
func TestSampledCount(t *testing.T) {
	b := builder{rate: 512 << 10}
	for _, c := range []struct{ sampled, size int64 }{{1, 64}, {3, 1024}, {40, 4096}, {7, 1 << 20}, {1000, 16}} {
		est, err := jemallocScale(itoa(c.sampled), itoa(c.sampled*c.size), b.rate)
		if err != nil {
			t.Fatal(err)
		}
		got, err := b.count(est.Objects, est.Bytes)
		if err != nil || got.Sampled != c.sampled {
			t.Errorf("%d objects of %d bytes: recovered %d, %v", c.sampled, c.size, got.Sampled, err)
		}
	}
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

const jemallocText = `heap_v2/524288
  t*: 28106: 56637512 [0: 0]
  t0: 28106: 56637512 [0: 0]
@ 0x5586da8 0x5588dc1
  t*: 13: 6688 [26: 13376]
  t0: 12: 6496 [0: 0]
  t3: 1: 192 [0: 0]
@ 0x7f0000001001
  t*: 2: 2097152 [0: 0]

MAPPED_LIBRARIES:
05580000-05590000 r-xp 00001000 08:02 135522 /usr/bin/server
7f0000000000-7f0000010000 r-xp 00000000 08:02 173521 /usr/lib/libc.so.6
`

func TestJemalloc(t *testing.T) {
	p, err := Parse([]byte(jemallocText))
	if err != nil {
		t.Fatal(err)
	}
	want := []Stack{
		{Frames: []string{"server+0x7da7", "server+0x9dc0"}, InUse: Count{13254, 6819088, 13}, Alloced: Count{26509, 13638177, 26}},
		{Frames: []string{"libc.so.6+0x1000"}, InUse: Count{2, 2425393, 2}},
	}
	if diff := cmp.Diff(want, p.Stacks); diff != "" || p.Go || !p.Allocations || p.Truncated || p.Rate != 524288 {
		t.Errorf("profile %+v (-want +got):\n%s", p, diff)
	}
	cut, err := Parse([]byte(jemallocText[:strings.Index(jemallocText, "@ 0x7f")]))
	if err != nil || !cut.Truncated || len(cut.Stacks) != 1 {
		t.Errorf("cut: %+v, %v; want truncated, with one stack", cut, err)
	}
}

const tcmallocText = `heap profile:     12:   123456 [    20:   223456] @ heapz_v2/524288
     2:  2097152 [     3:  3145728] @ 0x40001 0x40002
    10:   102400 [    10:   102400] @ 0x40003

MAPPED_LIBRARIES:
00040000-00050000 r-xp 00000000 08:02 135522                             /usr/bin/cserver
`

func TestTCMalloc(t *testing.T) {
	p, err := Parse([]byte(tcmallocText))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Stacks) != 2 || p.Go || p.Truncated || p.Stacks[0].InUse.Sampled != 10 || p.Stacks[1].Alloced.Sampled != 3 {
		t.Errorf("profile = %+v", p)
	}
	if p, err = Parse([]byte(tcmallocText[:strings.Index(tcmallocText, "MAPPED")])); err != nil || !p.Truncated {
		t.Errorf("cut: %+v, %v", p, err)
	}
}

func TestErrors(t *testing.T) {
	cpu := &profile.Profile{SampleType: []*profile.ValueType{{Type: "cpu", Unit: "nanoseconds"}}}
	var b bytes.Buffer
	if err := cpu.WriteUncompressed(&b); err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(b.Bytes()); !errors.Is(err, ErrNoHeap) {
		t.Errorf("CPU profile: %v, want ErrNoHeap", err)
	}
	for text, want := range map[string]string{
		"heap_v2/x\n": "line 1", "heap_v2/5\n@ zz\n": "line 2", "heap_v2/5\n@ 0x1\nnonsense\n": "line 3",
		"heap_v2/5\n@ 0x1\nt*: 1: 99999999999999999999 [0: 0]\n": "line 3",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", text, err, want)
		}
	}
}

// TestCuts cuts profiles after every byte: each cut is an error with a place, or
// known to be one.
func TestCuts(t *testing.T) {
	var message bytes.Buffer
	heap := &profile.Profile{
		SampleType: []*profile.ValueType{{Type: "inuse_objects", Unit: "count"}, {Type: "inuse_space", Unit: "bytes"}},
		Sample:     []*profile.Sample{{Value: []int64{1, 2}}, {Value: []int64{3, 4}}},
	}
	if err := heap.WriteUncompressed(&message); err != nil {
		t.Fatal(err)
	}
	goText := "heap profile: 1: 8 [1: 8] @ heap/1048576\n1: 8 [1: 8] @ 0x2\n#\t0x1\tmain.f+0x1\t/x.go:1\n\n# runtime.MemStats\n# NumGC = 7\n"
	place := regexp.MustCompile(`^(line \d+|at offset \d+ of \d+|in a message of \d+ bytes): `)
	for name, whole := range map[string]string{"Go's text": goText, "jemalloc": jemallocText, "tcmalloc": tcmallocText, "message": message.String()} {
		refused := 0
		for n := range whole {
			p, err := Parse([]byte(whole[:n]))
			switch {
			case err != nil && !errors.Is(err, ErrNoHeap) && !place.MatchString(err.Error()):
				t.Errorf("%s cut at %d: an error without a place: %v", name, n, err)
			case err != nil || p.Truncated:
				refused++
			}
		}
		if refused == 0 {
			t.Errorf("%s: no cut is noticed", name)
		}
	}
	_, err := Parse([]byte("heap profile: 1: 8 [1: 8] @ heap/1\n1: 8 [1: 8] @ 0x2\n\n1: 8 [\n1: 8 [1: 8] @ 0x3\n"))
	if err == nil || !strings.HasPrefix(err.Error(), "line 4: ") {
		t.Errorf("damage in line 4: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(jemallocText))
	f.Add([]byte(tcmallocText))
	f.Add([]byte("heap profile: 1: 8 [1: 8] @ heap/1048576\n1: 8 [1: 8] @ 0x2\n#\t0x1\tmain.f+0x1\t/x.go:1\n\n# runtime.MemStats\n# NumGC = 7\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse(data)
		if err != nil {
			return
		}
		for _, s := range p.Stacks {
			if s.InUse.Objects < 0 || s.InUse.Sampled < 0 || s.Alloced.Bytes < 0 {
				t.Errorf("stack %+v", s)
			}
		}
	})
}
