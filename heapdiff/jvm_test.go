package heapdiff

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/clewhq/clew/internal/hproftest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func write(t testing.TB, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustRead(t testing.TB, path string, o Options) *Snapshot {
	t.Helper()
	s, err := Read(context.Background(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func classNamed(t testing.TB, s *Snapshot, name string) Class {
	t.Helper()
	for _, c := range s.Classes {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no class %s among %d", name, len(s.Classes))
	return Class{}
}

// leakMap says that in a dump of hproftest.Leak the list, its array and the
// first n items are old, the other ones young.
func leakMap(n int) string {
	split := 0x40000 + n*0x100
	return fmt.Sprintf(` PSYoungGen      total 1K, used 1K [0x%[1]x, 0x90000, 0x90000)
  eden space 1K, 10%% used [0x%[1]x,0x8ff00,0x90000)
 ParOldGen       total 1K, used 1K [0x10000, 0x%[1]x, 0x%[1]x)
  object space 1K, 10%% used [0x10000,0x%[1]x,0x%[1]x)
`, split)
}

func TestReadJVM(t *testing.T) {
	for _, idSize := range []int{4, 8} {
		t.Run(fmt.Sprint(idSize), func(t *testing.T) {
			dump := write(t, "a.hprof", hproftest.Leak("1.0.2", idSize, 100))
			gens := write(t, "map.txt", []byte(leakMap(80)))
			s := mustRead(t, dump, Options{Maps: []string{gens}, Reference: 4, Header: 12})
			if s.Kind != KindJVM || s.Objects != 218 || s.Generations != GenerationsExact || s.Collector != "Parallel" {
				t.Errorf("got %s, %d objects, %s, %s", s.Kind, s.Objects, s.Generations, s.Collector)
			}
			item := classNamed(t, s, "app.Item")
			want := Class{
				Name: "app.Item", Instances: 105, ShallowBytes: 105 * 24, RetainedBytes: 100 * (24 + 120),
				Old:   &Population{Live: 80, LiveBytes: 80 * 24},
				Young: &Population{Live: 20, Dead: 5, LiveBytes: 20 * 24, DeadBytes: 5 * 24},
			}
			if d := cmp.Diff(want, item); d != "" {
				t.Errorf("app.Item (-want +got):\n%s", d)
			}
			// list 24, array of 100 references, the items
			checkHolder(t, s, "app.Holder.LEAK", 24+416+100*(24+120))
		})
	}
}

func checkHolder(t *testing.T, s *Snapshot, label string, want int64) {
	t.Helper()
	for _, h := range s.Holders {
		if h.Label == label {
			if h.RetainedBytes != want || !h.Static {
				t.Errorf("%s retains %d (static %v), want %d", label, h.RetainedBytes, h.Static, want)
			}
			return
		}
	}
	t.Errorf("no holder %s in %v", label, s.Holders)
}

// TestReadModes reads one dump in all ways and expects the same answer.
func TestReadModes(t *testing.T) {
	dump := write(t, "a.hprof", hproftest.Leak("1.0.2", 8, 300))
	want := mustRead(t, dump, Options{})
	modes := map[string]Options{
		"one worker":    {Workers: 1},
		"many workers":  {Workers: 7},
		"scratch files": {MaxMem: 1, TempDir: t.TempDir()},
	}
	for name, o := range modes {
		got := mustRead(t, dump, o)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	single := write(t, "b.hprof", hproftest.Leak("1.0.1", 8, 300))
	got := mustRead(t, single, Options{})
	got.Source = want.Source
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("one heap dump record (-want +got):\n%s", d)
	}
	shallow := mustRead(t, dump, Options{Shallow: true})
	for _, c := range shallow.Classes {
		w := classNamed(t, want, c.Name)
		if c.Instances != w.Instances || c.ShallowBytes != w.ShallowBytes {
			t.Errorf("shallow %s: got %d of %d bytes, want %d of %d", c.Name, c.Instances, c.ShallowBytes, w.Instances, w.ShallowBytes)
		}
	}
}

// TestReadOddIDs has ids that are no addresses.
func TestReadOddIDs(t *testing.T) {
	d := hproftest.New("1.0.2", 4)
	d.Class(1, "java/lang/Object", 0, 0, nil)
	d.Class(2, "Holder", 1, 0, []hproftest.Static{{Name: "HELD", ID: 11}})
	d.Class(3, "Thing", 1, 0, nil, hproftest.Field{Name: "next", Type: 2})
	d.Root(5, 1)
	d.Root(5, 2)
	d.Root(5, 3)
	for id := uint64(11); id < 60; id++ {
		d.Instance(id, 3, id+1)
	}
	d.Instance(60, 3, 0)
	s := mustRead(t, write(t, "odd.hprof", d.Bytes()), Options{})
	checkHolder(t, s, "Holder.HELD", 50*16)
	if h := s.Holders[0]; s.LiveObjects != 53 {
		t.Errorf("%d live objects, first holder %+v", s.LiveObjects, h)
	}
}

// TestReferences has an object behind each kind of reference.
func TestReferences(t *testing.T) {
	d := hproftest.New("1.0.2", 8)
	ref := hproftest.Field{Name: "referent", Type: 2}
	d.Class(0x1000, "java/lang/Object", 0, 0, nil)
	d.Class(0x1100, "java/lang/ref/Reference", 0x1000, 0, nil, ref, hproftest.Field{Name: "next", Type: 2})
	for i, kind := range []string{"SoftReference", "WeakReference", "PhantomReference", "FinalReference"} {
		class := uint64(0x1200 + 0x100*i)
		d.Class(class, "java/lang/ref/"+kind, 0x1100, 0, nil)
		d.Class(0x2000+class, "Of"+kind, 0x1000, 0, nil)
		d.Instance(0x10000+class, class, 0x20000+class, 0)
		d.Instance(0x20000+class, 0x2000+class)
		d.Root(0x01, 0x10000+class, 0, 0)
	}
	s := mustRead(t, write(t, "refs.hprof", d.Bytes()), Options{Maps: []string{write(t, "map.txt", []byte(
		" ParOldGen total 1K\n  object space 1K, 1% used [0x1000,0x30000,0x30000)\n"))}})
	for name, live := range map[string]int64{"OfSoftReference": 1, "OfFinalReference": 1, "OfWeakReference": 0, "OfPhantomReference": 0} {
		c := classNamed(t, s, name)
		if c.Old.Live != live || c.Old.Dead != 1-live {
			t.Errorf("%s: %+v, want %d live", name, *c.Old, live)
		}
		if c.RetainedBytes != 0 {
			t.Errorf("%s retains %d bytes, but no strong path leads to it", name, c.RetainedBytes)
		}
	}
}

func TestReadInconsistent(t *testing.T) {
	dump := write(t, "a.hprof", hproftest.Leak("1.0.2", 8, 100))
	short := strings.ReplaceAll(leakMap(80), "0x90000", "0x45100")
	short = strings.ReplaceAll(short, "0x8ff00", "0x45080")
	tests := map[string]struct {
		maps []string
		what string
	}{
		"ids outside":      {[]string{short}, "lie in no region"},
		"the old moved":    {[]string{leakMap(80), leakMap(90)}, "old regions of the two maps differ"},
		"counters moved":   {[]string{"sun.gc.collector.0.invocations=1\n", leakMap(80), "sun.gc.collector.0.invocations=2\n"}, "collector 0: 1 between"},
		"above the top":    {[]string{strings.Replace(leakMap(80), "0x8ff00", "0x45100", 1)}, "above the top"},
		"in a single file": {[]string{"# heapdiff map before\n" + leakMap(80) + "# heapdiff map after\n" + leakMap(90)}, "old regions"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := Options{}
			for i, m := range tt.maps {
				o.Maps = append(o.Maps, write(t, fmt.Sprintf("%d.txt", i), []byte(m)))
			}
			_, err := Read(context.Background(), dump, o)
			if !errors.Is(err, ErrInconsistent) || !strings.Contains(err.Error(), tt.what) || !strings.Contains(err.Error(), "--allow-approximate") {
				t.Errorf("got %v, want ErrInconsistent with %q", err, tt.what)
			}
			o.AllowApproximate = true
			s := mustRead(t, dump, o)
			if s.Generations != GenerationsApproximate || !strings.Contains(strings.Join(s.Warnings, "\n"), tt.what) {
				t.Errorf("allowed: %s, warnings %q", s.Generations, s.Warnings)
			}
		})
	}
	if _, err := Read(context.Background(), dump, Options{Maps: []string{write(t, "x", []byte("hello"))}}); err == nil || !strings.Contains(err.Error(), "no heap layout") {
		t.Errorf("a map that is none: %v", err)
	}
}

func TestMapBeside(t *testing.T) {
	dump := write(t, "a.hprof", hproftest.Leak("1.0.2", 8, 100))
	if err := os.WriteFile(MapBeside(dump), []byte("# heapdiff map before\n"+leakMap(80)+"# heapdiff map after\n"+leakMap(80)), 0o600); err != nil {
		t.Fatal(err)
	}
	s := mustRead(t, dump, Options{})
	if s.Generations != GenerationsExact || len(s.Warnings) != 0 {
		t.Errorf("got %s, %q", s.Generations, s.Warnings)
	}
	if got := MapBeside("x/dump.hprof.gz"); got != "x/dump.map.txt" {
		t.Errorf("MapBeside = %s", got)
	}
}

// TestMapOfABusyHeap reads dumps before which the program has gone on to allocate,
// and after which a collection came.
func TestMapOfABusyHeap(t *testing.T) {
	const region, giant = 1 << 20, 600_000
	d := hproftest.New("1.0.2", 8)
	d.Class(hproftest.ObjectClass, "java/lang/Object", 0, 0, nil)
	d.ByteArray(region+0x100, make([]byte, 100))   // below the top of a young region
	d.ByteArray(region+0x80000, make([]byte, 200)) // above it
	d.ByteArray(2*region, make([]byte, giant))     // in a region that was free
	d.ByteArray(3*region, make([]byte, 300))       // in another
	d.ByteArray(4*region, make([]byte, 400))       // old
	dump := write(t, "a.hprof", d.Bytes())
	row := func(n int, top uint64, kind string) string {
		return fmt.Sprintf("|%4d|%#x, %#x, %#x| 13%%| %s|  |TAMS 0|\n", n, n*region, top, (n+1)*region, kind)
	}
	counters := func(n int) string {
		return fmt.Sprintf("sun.gc.collector.0.invocations=%d\nsun.gc.collector.0.name=\"G1\"\n", n)
	}
	layout := counters(7) + "garbage-first heap\n" +
		row(0, region, "O") + row(1, region+0x1000, "E") + row(2, 2*region, "F") + row(3, 3*region, "F") + row(4, 5*region, "O")
	before := "# heapdiff map before the dump\n" + layout
	began := func(n int) string { return "# heapdiff map when the dump had begun\n" + counters(n) }
	for _, o := range []Options{{Shallow: true}, {}} {
		o.Maps = []string{write(t, "map.txt", []byte(before+began(7)))}
		s := mustRead(t, dump, o)
		c := classNamed(t, s, "byte[]")
		if s.Generations != GenerationsExact || len(s.Warnings) > 0 || c.Old.Instances() != 2 || c.Old.Bytes() < giant+400 || c.Young.Instances() != 3 {
			t.Errorf("%s, %q: old %+v, young %+v", s.Generations, s.Warnings, c.Old, c.Young)
		}
		for why, text := range map[string]string{
			"G1: 1 between":      before + began(8),
			"lie in no region":   before + "# heapdiff map after\n" + layout,
			"moves objects":      "# heapdiff map\n" + counters(7) + "Shenandoah Heap\n|    0|R  |Y|BTE 0, 500000, 500000|T|P \n" + began(7),
			"1 of 6 objects lie": strings.Replace(before, row(3, 3*region, "F"), "", 1) + began(7),
			"above the top":      strings.Replace(before, row(4, 5*region, "O"), row(4, 4*region, "O"), 1) + began(7),
		} {
			o.Maps = []string{write(t, "other.txt", []byte(text))}
			if _, err := Read(t.Context(), dump, o); !errors.Is(err, ErrInconsistent) || !strings.Contains(err.Error(), why) {
				t.Errorf("got %v, want %q", err, why)
			}
		}
	}
}

func TestPartial(t *testing.T) {
	whole := hproftest.Leak("1.0.2", 8, 100)
	cut := write(t, "cut.hprof", whole[:len(whole)-2000])
	_, err := Read(context.Background(), cut, Options{})
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "at offset") || !strings.Contains(err.Error(), "--partial") {
		t.Errorf("got %v", err)
	}
	s := mustRead(t, cut, Options{Partial: true})
	if s.Objects == 0 || s.Objects >= 218 || len(s.Warnings) == 0 || !strings.Contains(s.Warnings[0], "at offset") {
		t.Errorf("partial: %d objects, warnings %q", s.Objects, s.Warnings)
	}
}

// TestTruncatedReads reads a small dump cut at every byte, with references: no
// cut may be taken for whole or end in a panic.
func TestTruncatedReads(t *testing.T) {
	whole := hproftest.Leak("1.0.2", 8, 2)
	path := filepath.Join(t.TempDir(), "cut.hprof")
	for n := range whole {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(context.Background(), path, Options{Workers: 1}); err == nil {
			t.Fatalf("cut at %d of %d is taken for whole", n, len(whole))
		}
		_, _ = Read(context.Background(), path, Options{Workers: 1, Partial: true}) // must come back
	}
}

func TestPaths(t *testing.T) {
	dump := write(t, "a.hprof", hproftest.Leak("1.0.2", 8, 10))
	s := mustRead(t, dump, Options{PathsTo: "app.Item"})
	want := []Path{{
		Steps:   []string{"static app.Holder.LEAK", "(app.List)", "elements (java.lang.Object[])", "[] (app.Item)"},
		Objects: 10, RetainedBytes: 10 * (24 + 120),
	}}
	s.Paths[0].RetainedBytes = want[0].RetainedBytes // the layout of so small a dump is a guess
	if d := cmp.Diff(want, s.Paths); d != "" {
		t.Errorf("paths (-want +got):\n%s", d)
	}
	byID := mustRead(t, dump, Options{PathsTo: "0x40020"})
	if len(byID.Paths) != 1 || byID.Paths[0].Steps[4] != "data (byte[])" {
		t.Errorf("by id: %+v", byID.Paths)
	}
	if _, err := Read(context.Background(), dump, Options{PathsTo: "app.None"}); err == nil || !strings.Contains(err.Error(), "app.None") {
		t.Errorf("no such class: %v", err)
	}
}

func TestSuspects(t *testing.T) {
	var snapshots []*Snapshot
	for i, n := range []int{100, 400, 800} {
		snapshots = append(snapshots, mustRead(t, write(t, string(rune('A'+i))+".hprof", hproftest.Leak("1.0.2", 8, n)), Options{Header: 12, Reference: 4}))
		snapshots[i].Time = snapshots[i].Time.AddDate(0, 0, i)
	}
	d, err := Diff(snapshots...)
	if err != nil {
		t.Fatal(err)
	}
	size := func(n int64) int64 { return 24 + (16+4*n+7)&^7 + n*(24+120) }
	want := []Suspect{{
		Holder: "app.Holder.LEAK", Path: []string{"app.List", "elements java.lang.Object[]", "[] app.Item"}, Class: "app.Item",
		RetainedBytes: []int64{size(100), size(400), size(800)}, Score: 1,
		Reason: "static app.Holder.LEAK holds 0.12 MB, +0.10 MB since A.hprof, 800 Item (700 more); growing in each of 3 snapshots",
	}}
	if d := cmp.Diff(want, d.Suspects); d != "" {
		t.Errorf("suspects (-want +got):\n%s", d)
	}
	if !strings.Contains(d.Verdict, "First suspect of 1: static app.Holder.LEAK") {
		t.Errorf("verdict: %s", d.Verdict)
	}
	// The same heap three times over grew once and stopped, as a cache does.
	d, err = Diff(snapshots[0], snapshots[2], snapshots[2], snapshots[2])
	if err != nil || len(d.Suspects) != 0 || !strings.Contains(d.Verdict, "nothing here looks like a leak") {
		t.Errorf("a cache that has filled: %v, %v, %s", err, d.Suspects, d.Verdict)
	}
}

func TestSummary(t *testing.T) {
	dump := write(t, "a.hprof", hproftest.Leak("1.0.2", 8, 100))
	gens := write(t, "map.txt", []byte(leakMap(80)))
	want := mustRead(t, dump, Options{Maps: []string{gens}})
	var b bytes.Buffer
	if err := WriteSummary(&b, want); err != nil {
		t.Fatal(err)
	}
	got := mustRead(t, write(t, "a.hds", b.Bytes()), Options{})
	got.Source = want.Source
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("read again (-want +got):\n%s", d)
	}
	for content, wantErr := range map[string]error{
		`{"heapdiff_summary":2,"snapshot":{}}`: ErrFormat,
		`{"heapdiff_summary":1}`:               ErrDamaged,
		`{"heapdiff_summary":1,"snapshot":`:    ErrDamaged,
		`{"heapdiff_summary":1,"snapshot":{"generations":"unknown","holders":[{"parent":0}]}}`: ErrDamaged,
		`{"heapdiff_summary":1,"snapshot":{"generations":"exact","classes":[{}]}}`:             ErrDamaged,
		"plain text": ErrFormat,
		"":           ErrFormat,
	} {
		if _, err := Read(context.Background(), write(t, "x", []byte(content)), Options{}); !errors.Is(err, wantErr) {
			t.Errorf("%s: got %v, want %v", content, err, wantErr)
		}
	}
}

func TestDiffKinds(t *testing.T) {
	if _, err := Diff(); err == nil {
		t.Error("no snapshots are no error")
	}
	if _, err := Diff(&Snapshot{Kind: KindJVM, Source: "a"}, &Snapshot{Kind: KindGo, Source: "b"}); err == nil || !strings.Contains(err.Error(), "cannot be compared") {
		t.Errorf("two kinds: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(hproftest.Leak("1.0.1", 4, 2))
	f.Add(hproftest.Leak("1.0.2", 8, 2))
	f.Add([]byte(`{"heapdiff_summary":1,"snapshot":{"generations":"unknown"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := write(t, "x", data)
		s, err := Read(context.Background(), path, Options{Partial: true, Workers: 1})
		if err != nil {
			return
		}
		if _, err := Diff(s, s); err != nil {
			t.Error(err)
		}
	})
}

// TestTruth reads the dumps below the directory $CLEW_HEAPS, each beside what the
// JVM itself said about it in truth.json, and compares every count.
func TestTruth(t *testing.T) {
	root := os.Getenv("CLEW_HEAPS")
	if root == "" {
		t.Skip("CLEW_HEAPS names no directory with dumps and their truth.json")
	}
	dirs, err := filepath.Glob(filepath.Join(root, "*", "truth.json"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("nothing in %s: %v", root, err)
	}
	for _, truth := range dirs {
		dir := filepath.Dir(truth)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			b, err := os.ReadFile(truth)
			if err != nil {
				t.Fatal(err)
			}
			var want struct{ After map[string]json.RawMessage }
			if err := json.Unmarshal(b, &want); err != nil {
				t.Fatal(err)
			}
			s := mustRead(t, filepath.Join(dir, "all.hprof.gz"), Options{Maps: []string{
				filepath.Join(dir, "before.vm_heap.txt"), filepath.Join(dir, "before.gc_counters.txt"),
				filepath.Join(dir, "after.vm_heap.txt"), filepath.Join(dir, "after.gc_counters.txt"),
			}})
			for _, c := range s.Classes {
				var w struct{ Old, Young int64 }
				raw, ok := want.After[c.Name]
				if !ok {
					continue
				}
				if err := json.Unmarshal(raw, &w); err != nil {
					t.Fatal(err)
				}
				if c.Old.Live != w.Old || c.Young.Live != w.Young {
					t.Errorf("%s: got %d old, %d young; the JVM says %d, %d", c.Name, c.Old.Live, c.Young.Live, w.Old, w.Young)
				}
			}
		})
	}
}
