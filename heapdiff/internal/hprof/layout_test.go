package hprof

import (
	"strings"
	"testing"

	"github.com/clewhq/clew/internal/hproftest"
)

// TestSizes compares with the sizes that jcmd GC.class_histogram of JDK 17 shows
// for these classes (bytes divided by instances).
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
	}
	tests := []struct {
		name   string
		layout Layout
		want   map[uint64]int64
	}{
		{"compressed", NewLayout(4, 12), map[uint64]int64{1: 16, 2: 24, 3: 32, 4: 24, 5: 16, 6: 24, 7: 32}},
		{"uncompressed references", NewLayout(8, 12), map[uint64]int64{1: 16, 2: 32, 3: 40, 4: 24}},
		{"compact headers", NewLayout(4, 8), map[uint64]int64{1: 8, 2: 24, 3: 24, 4: 16, 5: 16}},
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
	if got := NewLayout(4, 8).Array(4, 1); got != 16 {
		t.Errorf("byte[4] with compact headers: got %d, want 16", got)
	}
}

// TestInfer gives neighbours of which the distance shows the layout.
func TestInfer(t *testing.T) {
	dump := func(base, ref int64, top uint64) []byte {
		d := hproftest.New("1.0.2", 8)
		d.Class(0x1000, "java/lang/Object", 0, 0, nil)
		d.Class(0x1100, "[Ljava/lang/Object;", 0x1000, 0, nil)
		id := top
		for i := range 200 {
			n := int64(i%13 + 1)
			d.ByteArray(id, make([]byte, n))
			id += uint64(align(base+n, 8))
			d.Objects(id, 0x1100, make([]uint64, 50)...)
			id += uint64(align(base+50*ref, 8))
		}
		return d.Bytes()
	}
	for _, tt := range []struct {
		name      string
		base, ref int64
		want      Layout
	}{
		{"compressed", 16, 4, Layout{Reference: 4, Header: 12, ArrayBase: 16}},
		{"uncompressed", 16, 8, Layout{Reference: 8, Header: 12, ArrayBase: 16}},
		{"compact", 12, 4, Layout{Reference: 4, Header: 8, ArrayBase: 12}},
		{"JDK 8 without compression", 24, 8, Layout{Reference: 8, Header: 16, ArrayBase: 24}},
	} {
		f, err := Open(dump(tt.base, tt.ref, 0x7f0000000000))
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
