package hprof

import (
	"slices"
	"strings"
	"testing"

	"github.com/clewhq/clew/internal/hproftest"
)

// TestSizes compares with the sizes that jcmd GC.class_histogram of JDK 8, 17 and
// 21 shows for these classes (bytes divided by instances).
func TestSizes(t *testing.T) {
	object := &Class{ID: 1, Name: "java.lang.Object"}
	class := func(id, super uint64, name string, types ...Type) *Class {
		c := &Class{ID: id, Super: super, Name: name}
		for _, k := range types {
			c.Fields = append(c.Fields, Field{Name: string(rune('a' + len(c.Fields))), Type: k})
		}
		return c
	}
	classes := []*Class{
		object,
		class(2, 1, "java.lang.String", Object, Int, Byte, Boolean),
		class(3, 1, "java.util.HashMap$Node", Int, Object, Object, Object),
		class(4, 1, "java.lang.Long", Long),
		class(5, 1, "java.lang.Boolean", Boolean),
		class(6, 1, "Base", Long, Byte), // 12 + gap of 4, then 8, then 1: the gap takes the byte
		class(7, 6, "Derived", Int),
		class(8, 1, "java.util.AbstractList", Int),
		class(9, 8, "java.util.ArrayList", Object, Int),
		class(10, 1, "java.lang.invoke.MemberName", Object, Object, Object, Int, Object),
		class(12, 1, "java.lang.ref.Reference", Object, Object, Object, Object),
		class(13, 12, "java.lang.ref.SoftReference", Long),
		class(14, 13, "sun.util.locale.LocaleObjectCache$CacheEntry", Object),
		{ID: 15, Super: 1, Name: "java.lang.Thread", Fields: slices.Concat(
			[]Field{{"holder", Object}, {"eetop", Long}, {"tid", Long}, {"threadLocalRandomSeed", Long}, {"contextClassLoader", Object}},
			slices.Repeat([]Field{{"other", Object}}, 10), []Field{{"interrupted", Boolean}, {"probe", Int}, {"secondary", Int}})},
	}
	old := func(l Layout) Layout { l.Before15, l.Before9 = true, true; return l }
	aligned := func(l Layout, to int) Layout { l.Alignment = to; return l }
	tests := []struct {
		name   string
		layout Layout
		want   map[uint64]int64
	}{
		{"compressed", NewLayout(4, 12), map[uint64]int64{1: 16, 2: 24, 3: 32, 4: 24, 5: 16, 6: 24, 7: 32}},
		{"uncompressed references", NewLayout(8, 12), map[uint64]int64{1: 16, 2: 32, 3: 40, 4: 24}},
		{"compact headers", NewLayout(4, 8), map[uint64]int64{1: 8, 2: 24, 3: 24, 4: 16, 5: 16}},
		{"aligned to 16", aligned(NewLayout(4, 12), 16), map[uint64]int64{1: 16, 2: 32, 4: 32, 5: 16}},
		{"JDK 8", old(NewLayout(4, 12)), map[uint64]int64{1: 16, 3: 32, 4: 24, 5: 16, 9: 24, 10: 56, 14: 48}},
		{"JDK 8 without compression", old(NewLayout(8, 16)), map[uint64]int64{9: 40, 10: 80}},
		{"JDK 17 without compression", NewLayout(8, 12), map[uint64]int64{9: 32}},
		{"JDK 21", NewLayout(4, 12), map[uint64]int64{15: 112}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := NewHeap(&File{IDSize: 8}, classes, tt.layout)
			for id, want := range tt.want {
				if c := h.Class(id); c.Size != want {
					t.Errorf("%s: got %d bytes, want %d", c.Name, c.Size, want)
				}
			}
		})
	}
	l := NewLayout(4, 12)
	for _, tt := range []struct{ n, width, want int64 }{{0, 1, 16}, {1, 1, 24}, {100, 1, 120}, {3, 4, 32}, {2, 8, 32}} {
		if got := l.Array(tt.n, int(tt.width)); got != tt.want {
			t.Errorf("array of %d times %d: got %d, want %d", tt.n, tt.width, got, tt.want)
		}
	}
	if got := aligned(l, 16).Array(1, 1); got != 32 {
		t.Errorf("byte[1] aligned to 16: got %d, want 32", got)
	}
	if got := NewLayout(4, 8).Array(4, 1); got != 16 {
		t.Errorf("byte[4] with compact headers: got %d, want 16", got)
	}
}

// TestInfer gives neighbours of which the distance shows the layout.
func TestInfer(t *testing.T) {
	dump := func(base, ref int64, to int, loaded string) []byte {
		d := hproftest.New("1.0.2", 8)
		d.Class(0x1000, "java/lang/Object", 0, 0, nil)
		d.Class(0x1100, "[Ljava/lang/Object;", 0x1000, 0, nil)
		d.Class(0x1200, loaded, 0x1000, 0, nil)
		id := uint64(0x7f0000000000)
		for i := range 200 {
			n := int64(i*7%300 + 1)
			d.ByteArray(id, make([]byte, n))
			id += uint64(align(base+n, to))
			d.Objects(id, 0x1100, make([]uint64, 50)...)
			id += uint64(align(base+50*ref, to))
		}
		return d.Bytes()
	}
	const jdk17, jdk11, jdk8 = "java/lang/Record", "java/lang/Module", "sun/misc/Launcher"
	for _, tt := range []struct {
		name      string
		base, ref int64
		to        int
		loaded    string
		want      Layout
	}{
		{"compressed", 16, 4, 8, jdk17, Layout{Reference: 4, Header: 12, ArrayBase: 16, Alignment: 8}},
		{"uncompressed", 16, 8, 8, jdk17, Layout{Reference: 8, Header: 12, ArrayBase: 16, Alignment: 8}},
		{"compact", 12, 4, 8, jdk17, Layout{Reference: 4, Header: 8, ArrayBase: 12, Alignment: 8}},
		{"aligned to 16", 16, 4, 16, jdk17, Layout{Reference: 4, Header: 12, ArrayBase: 16, Alignment: 16}},
		{"aligned to 256, compact", 12, 8, 256, jdk17, Layout{Reference: 8, Header: 8, ArrayBase: 12, Alignment: 256}},
		{"JDK 11", 16, 4, 8, jdk11, Layout{Reference: 4, Header: 12, ArrayBase: 16, Alignment: 8, Before15: true}},
		{"JDK 8 without compression", 24, 8, 8, jdk8, Layout{Reference: 8, Header: 16, ArrayBase: 24, Alignment: 8, Before15: true, Before9: true}},
	} {
		f, err := Open(dump(tt.base, tt.ref, tt.to, tt.loaded))
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := f.Infer(); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func TestPlainLayout(t *testing.T) {
	f, err := Open(hproftest.Leak("1.0.2", 8, 1))
	if err != nil {
		t.Fatal(err)
	}
	h := NewHeap(f, walk(t, f).classes, PlainLayout(8))
	for _, c := range h.Classes() {
		want := int64(16)
		for k := c; k != nil; k = h.Class(k.Super) {
			for _, field := range k.Fields {
				want += f.width(field.Type)
			}
		}
		if strings.HasSuffix(c.Name, "[]") {
			want = 0
		}
		if c.Size != want {
			t.Errorf("%s has %d bytes, want %d", c.Name, c.Size, want)
		}
	}
	if got := h.PrimitiveSize(Char, 3); got != 16+8+6 {
		t.Errorf("char[3] has %d bytes", got)
	}
}
