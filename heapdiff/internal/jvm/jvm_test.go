package jvm

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/clewhq/clew/heapdiff/internal/bruteforce"
	"github.com/clewhq/clew/heapdiff/internal/graph"
	"github.com/clewhq/clew/heapdiff/internal/hprof"
	"github.com/clewhq/clew/heapdiff/internal/input"
	"github.com/clewhq/clew/internal/hproftest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// compare sets the retained size of the largest objects, of any class, against
// what can no longer be reached without them.
func compare(t *testing.T, data []byte, largest int) {
	t.Helper()
	f, err := hprof.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	layout, _ := f.Infer()
	got := map[uint64]int64{}
	a := &analysis{Options: Options{Workers: 2, Layout: layout, Progress: func(string, float64) {}}, file: f, out: &Result{}}
	if err := a.openForTest(got); err != nil {
		t.Fatal(err)
	}
	plain, err := bruteforce.Read(t.Context(), data, layout)
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]uint64, 0, len(got))
	for id := range got {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(x, y uint64) int { return int(got[y] - got[x]) })
	for _, id := range ids[:min(largest, len(ids))] {
		if want := plain.Retained(id); got[id] != want {
			t.Errorf("object %#x retains %d, want %d", id, got[id], want)
		}
	}
	if len(ids) == 0 {
		t.Error("nothing is reached")
	}
}

// openForTest runs the analysis up to the retained sizes and adds them to got.
func (a *analysis) openForTest(got map[uint64]int64) error {
	a.layout = a.Layout
	a.space = &graph.Space{}
	defer a.free()
	if err := a.scan(context.Background()); err != nil {
		return err
	}
	a.heap = hprof.NewHeap(a.file, a.classes, a.layout)
	if err := a.references(context.Background()); err != nil {
		return err
	}
	if err := a.dominate(); err != nil {
		return err
	}
	for k, i := range a.tree.Order {
		if k > 0 {
			got[a.ids.ID(i)] = int64(a.ret[k])
		}
	}
	return nil
}

// randomDump is a heap with objects of a few classes that refer to one another
// in any way, two of the classes not being roots. Their ids begin at base.
func randomDump(r *rand.Rand, base uint64) []byte {
	d := hproftest.New("1.0.2", []int{4, 8}[r.IntN(2)])
	n := 5 + r.IntN(60)
	id := func() uint64 {
		if r.IntN(4) == 0 {
			return 0
		}
		return base + uint64(r.IntN(n))*32
	}
	ref := func(name string) hproftest.Field { return hproftest.Field{Name: name, Type: 2} }
	d.Class(0x1000, "java/lang/Object", 0, 0, nil)
	d.Class(0x1100, "A", 0x1000, id(), []hproftest.Static{{Name: "x", ID: id()}}, ref("a"), ref("b"))
	d.Class(0x1200, "B", 0x1100, 0, []hproftest.Static{{Name: "y", ID: id()}, {Name: "z", ID: id()}}, ref("c"))
	d.Class(0x1300, "[LA;", 0x1000, 0, nil)
	d.Root(5, 0x1000)
	if r.IntN(2) == 0 {
		d.Root(5, 0x1200)
	}
	for range 1 + r.IntN(3) {
		d.Root(7, base+uint64(r.IntN(n))*32)
	}
	for i := range n {
		at := base + uint64(i)*32
		switch r.IntN(4) {
		case 0:
			d.Instance(at, 0x1100, id(), id())
		case 1:
			d.Instance(at, 0x1200, id(), id(), id())
		case 2:
			d.Objects(at, 0x1300, id(), id(), id(), id())
		default:
			d.ByteArray(at, make([]byte, r.IntN(40)))
		}
	}
	return d.Bytes()
}

func TestRetained(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 100 {
		t.Run(fmt.Sprint(i), func(t *testing.T) { compare(t, randomDump(r, 0x8000), 1000) })
	}
	compare(t, hproftest.Leak("1.0.2", 8, 50), 1000)
	for range 20 {
		compare(t, randomDump(r, 0x8003), 1000) // no addresses: objects of HotSpot lie at multiples of 8
	}
}

// TestRetainedOfDumps does the same for the 50 largest objects of real dumps.
func TestRetainedOfDumps(t *testing.T) {
	dir := os.Getenv("CLEW_HEAPS")
	if dir == "" {
		t.Skip("CLEW_HEAPS names no directory with dumps")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.hprof.gz"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no dumps in %s: %v", dir, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(filepath.Dir(file))+"/"+filepath.Base(file), func(t *testing.T) {
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			z, err := gzip.NewReader(f)
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(z)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, data, 50)
		})
	}
}

// TestLargest asks for the largest objects, counted as they lie in the dump.
func TestLargest(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 50 {
		data := randomDump(r, 0x8000)
		f, err := hprof.Open(data)
		if err != nil {
			t.Fatal(err)
		}
		layout := hprof.PlainLayout(f.IDSize)
		got, err := Analyze(context.Background(), data, Options{Layout: layout, Largest: 5, Workers: 2})
		if err != nil {
			t.Fatal(err)
		}
		plain, err := bruteforce.Read(t.Context(), data, layout)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range got.Largest {
			if want := plain.Retained(o.ID); o.Retained != want {
				t.Errorf("%s %#x retains %d, want %d", o.Class, o.ID, o.Retained, want)
			}
			if i > 0 && o.Retained > got.Largest[i-1].Retained {
				t.Errorf("number %d retains more than the one before", i)
			}
		}
		if want := min(5, got.LiveObjects); int64(len(got.Largest)) < 1 || int64(len(got.Largest)) > want {
			t.Errorf("got %d objects of %d", len(got.Largest), got.LiveObjects)
		}
	}
}

// TestLimit reads heaps whose ids are no addresses, with all tables in files.
func TestLimit(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 20 {
		path := filepath.Join(t.TempDir(), "dump")
		if err := os.WriteFile(path, randomDump(r, 0x8003), 0o600); err != nil {
			t.Fatal(err)
		}
		in, err := input.Open(context.Background(), path, input.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = in.Close() }()
		want, err := Analyze(context.Background(), in.Data, Options{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := Analyze(context.Background(), in.Data, Options{MaxMem: 1, TempDir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, cmpopts.IgnoreFields(Result{}, "Dump")); d != "" {
			t.Errorf("under a limit (-want +got):\n%s", d)
		}
	}
}
