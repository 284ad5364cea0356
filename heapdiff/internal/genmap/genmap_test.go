package genmap

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func read(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// rows of collectors and versions that are rare, as their print functions write them.
const (
	serial25 = `DefNew     total 19648K, used 5607K [0x00000000fc000000, 0x00000000fd550000, 0x00000000fd550000)
 eden space 17472K,  32% used [0x00000000fc000000, 0x00000000fc579e50, 0x00000000fd110000)
 from space 2176K,   0% used [0x00000000fd110000, 0x00000000fd110000, 0x00000000fd330000)
 to   space 2176K,   0% used [0x00000000fd330000, 0x00000000fd330000, 0x00000000fd550000)
Tenured    total 43712K, used 1166K [0x00000000fd550000, 0x0000000100000000, 0x0000000100000000)
 the  space 43712K,   2% used [0x00000000fd550000, 0x00000000fd673ab8, 0x0000000100000000)
`
	cms8 = ` par new generation   total 9216K, used 1004K [0x00000000fe000000, 0x00000000fea00000, 0x00000000fea00000)
  eden space 8192K,  12% used [0x00000000fe000000, 0x00000000fe0fb0a8, 0x00000000fe800000)
  from space 1024K,   0% used [0x00000000fe800000, 0x00000000fe800000, 0x00000000fe900000)
  to   space 1024K,   0% used [0x00000000fe900000, 0x00000000fe900000, 0x00000000fea00000)
 concurrent mark-sweep generation total 22528K, used 0K [0x00000000fea00000, 0x0000000100000000, 0x0000000100000000)
`
	g1of25 = `Heap:
 garbage-first heap   total reserved 65536K, committed 65536K, used 6286K [0x00000000fc000000, 0x0000000100000000)
|   0|0x00000000fc000000, 0x00000000fc000000, 0x00000000fc100000|  0%| F|  |TAMS 0x00000000fc000000| PB 0x00000000fc000000| Untracked |  0
|  57|0x00000000ff900000, 0x00000000ffa00000, 0x00000000ffa00000|100%| E|  |TAMS 0x00000000ff900000| PB 0x00000000ff900000| Complete |  0
|  58|0x00000000ffa00000, 0x00000000ffb00000, 0x00000000ffb00000|100%| S|CS|TAMS 0x00000000ffa00000| PB 0x00000000ffa00000| Complete |  0
|  63|0x00000000fff00000, 0x00000000fff23ab8, 0x0000000100000000| 13%| O|  |TAMS 0x00000000fff00000| PB 0x00000000fff00000| Untracked |  0
`
	shenandoah25 = `Heap:
 Shenandoah Heap
|    0|R  |Y|BTE     fc000000,     fc040000,     fc040000|TAMS     fc000000|UWM     fc000000|U   256K|T     0B|G     0B|P     0B|S   256K|L     0B|CP   0
|    1|H  |O|BTE     fc040000,     fc050000,     fc080000|TAMS     fc040000|UWM     fc040000|U   256K|T     0B|G     0B|P     0B|S   256K|L     0B|CP   0
|    2|EC |F|BTE     fc080000,     fc080000,     fc0c0000|TAMS     fc080000|UWM     fc080000|U     0B|T     0B|G     0B|P     0B|S     0B|L     0B|CP   0
`
	shenandoahSingle = `Heap:
 Shenandoah Heap
|    0|R  |Y|BTE     fc000000,     fc040000,     fc040000|TAMS     fc000000|UWM     fc000000|U   256K|T     0B|G     0B|S   256K|L     0B|CP   0
`
	z17 = `Heap:
 ZHeap           used 8M, capacity 64M, max capacity 64M
ZGC Page Table:
 Small   0x0000000000000000 0x0000000000040000 0x0000000000200000  Allocating
`
	gcLog = `[0.1s][debug][gc,heap] GC(0) Heap before GC invocations=0 (full 0):
[0.1s][debug][gc,heap] GC(0)  PSYoungGen      total 10K, used 5K [0x00000000feb00000, 0x00000000fec00000, 0x0000000100000000)
[0.1s][debug][gc,heap] GC(0)   eden space 16384K, 34% used [0x00000000feb00000,0x00000000feb73300,0x00000000fec00000)
[0.2s][debug][gc,heap] GC(0) Heap after GC invocations=1 (full 0):
[0.2s][debug][gc,heap] GC(0)  PSYoungGen      total 10K, used 0K [0x00000000feb00000, 0x00000000fec00000, 0x0000000100000000)
[0.2s][debug][gc,heap] GC(0)   eden space 16384K, 0% used [0x00000000feb00000,0x00000000feb00000,0x00000000fec00000)
[0.2s][debug][gc,heap] GC(0)  ParOldGen       total 44032K, used 1166K [0x00000000fc000000, 0x00000000feb00000, 0x00000000feb00000)
[0.2s][debug][gc,heap] GC(0)   object space 44032K, 2% used [0x00000000fc000000,0x00000000fc123ab8,0x00000000feb00000)
`
)

func TestParse(t *testing.T) {
	tests := []struct {
		name, text, collector string
		young, old            int
		used                  uint64 // bytes in old regions
	}{
		{"G1 17", read(t, "g1-17.txt"), "G1", 5, 9, 0},
		{"Serial 17", read(t, "serial-17.txt"), "Serial", 3, 1, 0x337f18},
		{"Parallel 17", read(t, "parallel-17.txt"), "Parallel", 3, 1, 0x385840},
		{"ZGC 25", read(t, "z-25.txt"), "ZGC", 3, 6, 0},
		{"Serial 25", serial25, "Serial", 3, 1, 0x123ab8},
		{"CMS 8", cms8, "CMS", 3, 1, 0x1600000},
		{"G1 25", g1of25, "G1", 2, 1, 0x23ab8},
		{"Shenandoah 25", shenandoah25, "Shenandoah", 1, 1, 0x10000},
		{"GC log, newest", gcLog, "Parallel", 1, 1, 0x123ab8},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := Parse(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			var young, old int
			for _, r := range m.Regions {
				if r.Gen == Old {
					old++
				} else {
					young++
				}
			}
			if m.Collector != tt.collector || young != tt.young || old != tt.old {
				t.Errorf("got %s, %d young, %d old; want %s, %d, %d", m.Collector, young, old, tt.collector, tt.young, tt.old)
			}
			if got := used(oldPart(m)); tt.used != 0 && got != tt.used {
				t.Errorf("old used %#x, want %#x", got, tt.used)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	tests := map[string]string{
		"nothing here": "no heap layout",
		"":             "no heap layout",
		" garbage-first heap   total 1K, used 1K [0x1, 0x2)": "VM.info",
		"ZHeap used 1M":  "VM.info",
		z17:              "no generations",
		shenandoahSingle: "no generations",
		"Heap:\n Epsilon Heap\n  Allocation space:\n   space 262144K,   8% used [0x00000000f0000000, 0x00000000f15e0408, 0x0000000100000000)\n": "no generations",
		strings.Replace(g1of25, "| E|", "|XX|", 1):              "unknown type",
		strings.Replace(g1of25, "0x00000000ffa00000", "0x0", 1): "before its top",
		g1of25 + strings.SplitAfter(g1of25, "\n")[3]:            "overlap",
	}
	for text, want := range tests {
		_, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: got %v, want %q", text, err, want)
		}
		if got := errors.Is(err, ErrNoGenerations); got != (want == "no generations") {
			t.Errorf("%.60q: ErrNoGenerations is %v", text, got)
		}
	}
}

// TestBlock sees that history does not count and that what holds secrets goes.
func TestBlock(t *testing.T) {
	vmInfo := "VM Arguments:\njava_command: x --password=geheim\n\n" + g1of25 +
		"\nGC Heap History (2 events):\nEvent: 1\n|   0|0x00000000fc000000, 0x00000000fc100000, 0x00000000fc100000|100%| O|  |TAMS\n" +
		"\nEnvironment Variables:\nTOKEN=geheim\n"
	if b := Block(vmInfo); strings.Contains(b, "geheim") || !strings.Contains(b, "|  63|") {
		t.Errorf("the block is\n%s", b)
	}
	m, err := Parse(vmInfo)
	if err != nil || len(m.Regions) != 3 {
		t.Errorf("got %d regions, %v", len(m.Regions), err)
	}
}

func TestLookup(t *testing.T) {
	m, err := Parse(serial25)
	if err != nil {
		t.Fatal(err)
	}
	hint := 0
	for _, tt := range []struct {
		id   uint64
		want Gen
	}{
		{0xfc000000, Young},
		{0xfc579e48, Young},
		{0xfc579e50, AboveTop},
		{0xfd550000, Old},
		{0xfd673ab0, Old},
		{0xfd673ab8, AboveTop},
		{0x100000000, Stray},
		{0xfbfffff8, Stray},
		{0, Stray},
		{0xfd110000, AboveTop},
		{0xfc000008, Young},
	} {
		var got Gen
		if got, hint = m.Lookup(tt.id, hint); got != tt.want {
			t.Errorf("Lookup(%#x) = %d, want %d", tt.id, got, tt.want)
		}
	}
	z, err := Parse(read(t, "z-25.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := z.Based(0x40000226110).Lookup(0x40000226110, 0); got != Old {
		t.Errorf("ZGC: got %d, want old", got)
	}
}

func TestJoin(t *testing.T) {
	parse := func(s string) *Map {
		m, err := Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	allocated := strings.Replace(serial25, "0x00000000fc579e50", "0x00000000fc600000", 1)
	promoted := strings.Replace(serial25, "0x00000000fd673ab8", "0x00000000fd700000", 1)
	collected := strings.Replace(serial25, "0x00000000fc579e50", "0x00000000fc000010", 1)
	for _, tt := range []struct {
		name, after, doubt string
	}{
		{"nothing happened", serial25, ""},
		{"the young grew", allocated, ""},
		{"the old grew", promoted, "old regions of the two maps differ"},
		{"the young shrank", collected, "young region"},
		{"another collector", g1of25, "the other of G1"},
	} {
		m, doubts := Join(parse(serial25), parse(tt.after))
		if tt.doubt == "" && len(doubts) > 0 || tt.doubt != "" && (len(doubts) == 0 || !strings.Contains(doubts[0], tt.doubt)) {
			t.Errorf("%s: doubts %v", tt.name, doubts)
		}
		if tt.after == allocated {
			if g, _ := m.Lookup(0xfc5fff00, 0); g != Young {
				t.Errorf("what was allocated between the maps is %d, not young", g)
			}
		}
	}
	before := map[string]int64{"G1 young": 3}
	if d := Moved(before, map[string]int64{"G1 young": 5}); len(d) != 1 || !strings.Contains(d[0], "G1 young: 2") {
		t.Errorf("counters: %v", d)
	}
	if d := Moved(before, map[string]int64{"G1 young": 5, "new": 1}); len(d) != 0 {
		t.Errorf("equal counters: %v", d)
	}
}

func TestSplit(t *testing.T) {
	got := Split(Mark + " before\na\n" + Mark + " after\nb\n")
	if d := cmp.Diff([]string{" before\na", " after\nb\n"}, got); d != "" {
		t.Error(d)
	}
	if got := Split("plain"); len(got) != 1 || !strings.Contains(got[0], "plain") {
		t.Errorf("plain: %q", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{serial25, cms8, g1of25, shenandoah25, z17, gcLog, read(f, "z-25.txt")} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := Parse(s)
		if err != nil {
			return
		}
		for i, r := range m.Regions {
			if r.Lo > r.Top || r.Top > r.End || i > 0 && r.Lo < m.Regions[i-1].End {
				t.Errorf("region %d is %+v", i, r)
			}
		}
		m.Lookup(0xfc000000, 0)
	})
}

// TestFilled: what a program allocates after the map was made, without a collection.
func TestFilled(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		humongous  int64
		want       map[uint64]Gen
	}{
		{"Serial", serial25, 0, map[uint64]Gen{0xfc579e50: Young, 0xfd330000: Young, 0xfd673ab8: Old, 0x100000000: Stray}},
		{"G1", g1of25, 1 << 19, map[uint64]Gen{0xfc000000: Young, 0xff900000: Young, 0xfff00000: Old, 0xfff23ab8: AboveTop, 0xfd000000: Stray}},
		{"ZGC", read(t, "z-25.txt"), 0, nil},
		{"Shenandoah", shenandoah25, 0, nil},
		{"CMS", cms8, 0, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := Parse(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			f, err := m.Filled()
			if tt.want == nil {
				if err == nil || !strings.Contains(err.Error(), tt.name) {
					t.Errorf("got %v, want an error", err)
				}
				return
			}
			if err != nil || f.Humongous != tt.humongous || m.Humongous != 0 {
				t.Fatalf("%v; larger than %d is humongous, want %d", err, f.Humongous, tt.humongous)
			}
			for id, want := range tt.want {
				if got, _ := f.Lookup(id, 0); got != want {
					t.Errorf("%#x is %d, want %d", id, got, want)
				}
			}
		})
	}
}

func TestTorn(t *testing.T) {
	for name, text := range map[string]string{
		"overlap":        g1of25 + strings.SplitAfter(g1of25, "\n")[3],
		"before its top": strings.Replace(g1of25, "0x00000000ffa00000", "0x0", 1),
		"no generation":  read(t, "z-25.txt") + " Small   0x0000000000000000 0x0000000000040000 0x0000000000200000  Allocating\n",
	} {
		if _, err := Parse(text); !errors.Is(err, ErrTorn) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
