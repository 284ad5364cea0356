package hprof

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/clewhq/clew/internal/hproftest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// census counts what a walk meets.
type census struct {
	mu      sync.Mutex
	counts  map[string]int
	classes []*Class
}

func walk(t testing.TB, f *File) *census {
	t.Helper()
	c := &census{counts: map[string]int{}}
	add := func(what string) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.counts[what]++
	}
	err := f.Walk(context.Background(), 3, func(int) Visitor {
		return Visitor{
			Root: func(r Root) { add(r.Kind.String()) },
			Class: func(k *Class) {
				add("class")
				c.mu.Lock()
				defer c.mu.Unlock()
				c.classes = append(c.classes, k)
			},
			Instance:  func(uint64, uint64, []byte) { add("instance") },
			Objects:   func(uint64, uint64, []byte) { add("objects") },
			Primitive: func(_ uint64, k Type, n uint32, _ []byte) { add(fmt.Sprintf("%s[%d]", k, n)) },
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWalk(t *testing.T) {
	for _, version := range []string{"1.0.1", "1.0.2", "1.0.3"} {
		for _, idSize := range []int{4, 8} {
			t.Run(fmt.Sprintf("%s/%d", version, idSize), func(t *testing.T) {
				f, err := Open(hproftest.Leak(version, idSize, 120))
				if err != nil {
					t.Fatal(err)
				}
				if f.Version != version || f.IDSize != idSize || f.Time.Unix() != 1_700_000_000 {
					t.Errorf("header: version %s, ids %d, time %v", f.Version, f.IDSize, f.Time)
				}
				got := walk(t, f)
				want := map[string]int{"class": 6, "system class": 6, "instance": 126, "objects": 1, "byte[100]": 125}
				if d := cmp.Diff(want, got.counts); d != "" {
					t.Errorf("records (-want +got):\n%s", d)
				}
				if d := f.Damage(); len(d) != 0 {
					t.Errorf("damage in a whole dump: %v", d)
				}
			})
		}
	}
}

// android is a dump with the records that only Android writes.
func android() *hproftest.Dump {
	d := hproftest.New("1.0.3", 4)
	d.Class(0x1000, "java.lang.Object", 0, 0, nil)
	d.Raw(0xfe, 0, 0, 0, 'A', 0, 0, 0, 0)
	for _, kind := range []byte{0x89, 0x8a, 0x8b, 0x8c, 0x8d, 0x90} {
		d.Root(kind, 0x1000)
	}
	d.Root(0x8e, 0x1000, 7, 1)
	d.Raw(0xc3, 0, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 9, 10) // an int[9] without its elements
	d.Instance(0x3000, 0x1000)
	return d
}

func TestAndroid(t *testing.T) {
	f, err := Open(android().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	got := walk(t, f)
	want := map[string]int{
		"class": 1, "instance": 1, "int[9]": 1, "JNI monitor": 1, "interned string": 1, "finalizing": 1, "debugger": 1,
		"reference cleanup": 1, "VM internal": 1,
	}
	if d := cmp.Diff(want, got.counts); d != "" || len(f.Damage()) > 0 {
		t.Errorf("records (-want +got):\n%s damage %v", d, f.Damage())
	}
}

// TestDamage breaks a dump in one place after another, and expects the place to
// be named and the rest to be used.
func TestDamage(t *testing.T) {
	base := func() *hproftest.Dump {
		d := hproftest.New("1.0.2", 8)
		d.Class(0x1000, "java/lang/Object", 0, 0, nil)
		d.Segment()
		d.Instance(0x2000, 0x1000)
		return d
	}
	tests := []struct {
		name      string
		data      func() []byte
		what      string
		instances int
	}{
		{"unknown heap record", func() []byte {
			d := base()
			d.Raw(0x77, 1, 2, 3)
			d.Segment()
			d.Instance(0x2010, 0x1000)
			return d.Bytes()
		}, "unknown heap record 0x77", 2},
		{"unknown element type", func() []byte {
			d := base()
			d.Raw(0x23, 0, 0, 0, 0, 0, 0, 0x30, 0, 0, 0, 0, 0, 0, 0, 0, 1, 99)
			return d.Bytes()
		}, "unknown type 99", 1},
		{"array longer than its segment", func() []byte {
			d := base()
			d.Raw(0x22, 0, 0, 0, 0, 0, 0, 0x30, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0x10, 0)
			return d.Bytes()
		}, "an object array reaches over the end", 1},
		{"length never written", func() []byte {
			b := base().Bytes()
			b = b[:len(b)-9] // HEAP DUMP END
			at := strings.LastIndex(string(b), "\x1c\x00\x00\x00\x00")
			copy(b[at+5:], []byte{0, 0, 0, 0})
			return b
		}, "was never written", 1},
		{"no end", func() []byte {
			b := base().Bytes()
			return b[:len(b)-9]
		}, "without the record HEAP DUMP END", 1},
		{"record cut", func() []byte {
			b := base().Bytes()
			return append(b[:len(b)-9], 0x01, 0, 0, 0, 0, 0, 0, 0, 200, 1, 2)
		}, "claims 200 bytes, 2 remain", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := Open(tt.data())
			if err != nil {
				t.Fatal(err)
			}
			got := walk(t, f)
			if got.counts["instance"] != tt.instances {
				t.Errorf("got %d instances, want %d", got.counts["instance"], tt.instances)
			}
			if !slices.ContainsFunc(f.Damage(), func(e *Error) bool { return strings.Contains(e.Error(), tt.what) && e.Offset > 0 }) {
				t.Errorf("damage %v does not name %q", f.Damage(), tt.what)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	whole := hproftest.Leak("1.0.2", 8, 1)
	tests := map[string][]byte{
		"does not begin":       []byte("JFR"),
		"ends within its":      whole[:25],
		"ids of 5":             append([]byte("JAVA PROFILE 1.0.2\x00\x00\x00\x00\x05"), make([]byte, 8)...),
		"without a heap dump":  whole[:31],
		"no heap dump record ": append(slices.Clone(whole[:31]), 1, 0, 0, 0, 0, 0, 0, 0, 99),
	}
	for want, data := range tests {
		_, err := Open(data)
		var place *Error
		if !errors.As(err, &place) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v", want, err)
		}
	}
}

// TestTruncation cuts a small dump after every byte: each cut is an error or
// damage with a place in the file, and never a panic.
func TestTruncation(t *testing.T) {
	for _, idSize := range []int{4, 8} {
		whole := hproftest.Leak("1.0.2", idSize, 3)
		for n := range len(whole) {
			f, err := Open(whole[:n])
			if err != nil {
				var place *Error
				if !errors.As(err, &place) || place.Offset > int64(n) {
					t.Fatalf("cut at %d: %v", n, err)
				}
				continue
			}
			walk(t, f)
			damage := f.Damage()
			if len(damage) == 0 {
				t.Fatalf("cut at %d of %d: no damage is found", n, len(whole))
			}
			for _, e := range damage {
				if e.Offset < 0 || e.Offset > int64(n) {
					t.Fatalf("cut at %d: damage at %d", n, e.Offset)
				}
			}
		}
	}
}

// TestHeapLength has a single heap dump record, which ends with the file.
func TestHeapLength(t *testing.T) {
	b := hproftest.Leak("1.0.1", 4, 2)
	f, err := Open(b)
	if err != nil || len(f.segs) != 1 {
		t.Fatal(err)
	}
	if got, want := f.segs[0].end, int64(len(b)); got != want {
		t.Errorf("the heap dump ends at %d, want %d", got, want)
	}
}

func TestJavaName(t *testing.T) {
	for in, want := range map[string]string{
		"java/lang/String":                     "java.lang.String",
		"[I":                                   "int[]",
		"[[Ljava/lang/Object;":                 "java.lang.Object[][]",
		"[Z":                                   "boolean[]",
		"a/B$$Lambda$1+0x00007f911c041cf0":     "a.B$$Lambda$1/0x00007f911c041cf0",
		"a/B$$Lambda/0x00007f911c041cf0":       "a.B$$Lambda/0x00007f911c041cf0",
		"":                                     "",
		"[":                                    "[]",
		"java.lang.String":                     "java.lang.String",
		"[Lweird":                              "Lweird[]",
		"kotlin/Unit$sam$i$java_lang_Runnable": "kotlin.Unit$sam$i$java_lang_Runnable",
	} {
		if got := JavaName(in); got != want {
			t.Errorf("JavaName(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestFind(t *testing.T) {
	f, err := Open(hproftest.Leak("1.0.2", 8, 200))
	if err != nil {
		t.Fatal(err)
	}
	var blocks []Block
	lo, hi := ^uint64(0), uint64(0)
	err = f.Walk(context.Background(), 1, func(int) Visitor {
		see := func(id uint64) { lo, hi = min(lo, id), max(hi, id) }
		return Visitor{
			Instance:  func(id, _ uint64, _ []byte) { see(id) },
			Primitive: func(id uint64, _ Type, _ uint32, _ []byte) { see(id) },
			Block: func(begin, end int64) {
				blocks = append(blocks, Block{begin, end, lo, hi})
				lo, hi = ^uint64(0), 0
			},
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	f.SetBlocks(blocks)
	const want = 0x40000 + 120*0x100
	found, met := 0, 0
	err = f.Find([]uint64{want}, Visitor{Instance: func(id, _ uint64, _ []byte) {
		met++
		if id == want {
			found++
		}
	}})
	if err != nil || found != 1 || met >= 200 {
		t.Errorf("found %d times among %d objects, %v", found, met, err)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(hproftest.Leak("1.0.1", 4, 2))
	f.Add(hproftest.Leak("1.0.2", 8, 3))
	f.Add(android().Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Open(data)
		if err != nil {
			var place *Error
			if !errors.As(err, &place) {
				t.Fatalf("an error without a place: %v", err)
			}
			return
		}
		layout, _ := file.Infer()
		c := walk(t, file)
		NewHeap(file, c.classes, layout)
		for _, e := range file.Damage() {
			if e.Offset < 0 || e.Offset > int64(len(data)) {
				t.Errorf("damage at %d of %d bytes", e.Offset, len(data))
			}
		}
	})
}
