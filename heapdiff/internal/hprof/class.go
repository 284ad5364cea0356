package hprof

import (
	"encoding/binary"
	"slices"
	"strings"
)

// Type is a basic type of the format, as in fields and arrays.
type Type byte

// Object is the type of a reference; the others are the primitives.
const (
	Object  Type = 2
	Boolean Type = 4
	Char    Type = 5
	Float   Type = 6
	Double  Type = 7
	Byte    Type = 8
	Short   Type = 9
	Int     Type = 10
	Long    Type = 11
)

var typeSizes = [16]uint8{Boolean: 1, Char: 2, Float: 4, Double: 8, Byte: 1, Short: 2, Int: 4, Long: 8}

var typeNames = [16]string{Boolean: "boolean", Char: "char", Float: "float", Double: "double", Byte: "byte", Short: "short", Int: "int", Long: "long"}

// Size is the width of a primitive in bytes, 0 for anything else.
func (t Type) Size() int { return int(typeSizes[t&15]) * b2i(t < 16) }

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (t Type) String() string { return typeNames[t&15] }

// Field is a field that a class declares.
type Field struct {
	Name string
	Type Type
}

// Static is a static field that refers to an object.
type Static struct {
	Name string
	ID   uint64
}

// Class is a class dump. Its object is the java.lang.Class, so its id is an
// object's id too.
type Class struct {
	ID, Super, Loader uint64
	Name              string // as the language writes it
	Fields            []Field
	Statics           []Static // references that are not null
	Others            []uint64 // signers and protection domain, where not null
	staticRefs        int      // static fields that are references, null or not
	staticBytes       int      // of the other static fields
}

func (c *Class) declares(field string) bool {
	return slices.ContainsFunc(c.Fields, func(f Field) bool { return f.Name == field })
}

// class reads the class dump at q, or returns nil if it reaches over end.
func (f *File) class(q, end int64) (*Class, int64) {
	id := int64(f.IDSize)
	p := q + 7*id + 8
	if p+2 > end {
		return nil, 0
	}
	c := &Class{ID: f.id(q), Super: f.id(q + id + 4), Loader: f.id(q + 2*id + 4)}
	for k := int64(3); k <= 4; k++ {
		if other := f.id(q + k*id + 4); other != 0 {
			c.Others = append(c.Others, other)
		}
	}
	p, ok := f.constants(p, end)
	if !ok {
		return nil, 0
	}
	if p, ok = f.statics(c, p, end); !ok {
		return nil, 0
	}
	if p, ok = f.fields(c, p, end); !ok {
		return nil, 0
	}
	c.Name = f.className(c.ID)
	return c, p
}

// constants passes over the constant pool, which HotSpot leaves empty.
func (f *File) constants(p, end int64) (int64, bool) {
	n := int(binary.BigEndian.Uint16(f.data[p:]))
	p += 2
	for range n {
		if p+3 > end {
			return 0, false
		}
		w := f.width(Type(f.data[p+2]))
		if p += 3 + w; w == 0 || p > end {
			return 0, false
		}
	}
	return p, p+2 <= end
}

func (f *File) statics(c *Class, p, end int64) (int64, bool) {
	id := int64(f.IDSize)
	n := int(binary.BigEndian.Uint16(f.data[p:]))
	p += 2
	for range n {
		if p+id+1 > end {
			return 0, false
		}
		t := Type(f.data[p+id])
		w := f.width(t)
		next := p + id + 1 + w
		if w == 0 || next > end {
			return 0, false
		}
		name := f.text(f.id(p))
		switch {
		case strings.HasPrefix(name, "<"): // HotSpot's "<resolved_references>" lies elsewhere
		case t == Object:
			c.staticRefs++
		default:
			c.staticBytes += int(w)
		}
		if t == Object {
			if ref := f.id(p + id + 1); ref != 0 {
				c.Statics = append(c.Statics, Static{name, ref})
			}
		}
		p = next
	}
	return p, p+2 <= end
}

func (f *File) fields(c *Class, p, end int64) (int64, bool) {
	id := int64(f.IDSize)
	n := int64(binary.BigEndian.Uint16(f.data[p:]))
	p += 2
	if p+n*(id+1) > end {
		return 0, false
	}
	for range n {
		t := Type(f.data[p+id])
		if f.width(t) == 0 {
			return 0, false
		}
		c.Fields = append(c.Fields, Field{f.text(f.id(p)), t})
		p += id + 1
	}
	return p, true
}

// width is the size of a value of type t in the dump, 0 for an unknown type.
func (f *File) width(t Type) int64 {
	if t == Object {
		return int64(f.IDSize)
	}
	return int64(t.Size())
}

func (f *File) className(id uint64) string {
	nameID, ok := f.names[id]
	if !ok {
		return ""
	}
	return JavaName(f.text(nameID))
}

// JavaName turns the JVM's name of a class ("[Ljava/lang/String;") into that of
// the language ("java.lang.String[]"). The address that HotSpot puts behind the
// name of a hidden class stays.
func JavaName(s string) string {
	dims := 0
	for dims < len(s) && s[dims] == '[' {
		dims++
	}
	base := s[dims:]
	if dims > 0 {
		base = elementName(base)
	}
	head, hidden := base, ""
	if i := max(strings.LastIndex(base, "/0x"), strings.LastIndex(base, "+0x")); i >= 0 {
		head, hidden = base[:i], "/"+base[i+1:] // as Class.getName has it
	}
	return strings.ReplaceAll(head, "/", ".") + hidden + strings.Repeat("[]", dims)
}

func elementName(s string) string {
	if strings.HasPrefix(s, "L") && strings.HasSuffix(s, ";") {
		return s[1 : len(s)-1]
	}
	for t, letter := range map[Type]string{Boolean: "Z", Char: "C", Float: "F", Double: "D", Byte: "B", Short: "S", Int: "I", Long: "J"} {
		if s == letter {
			return t.String()
		}
	}
	return s
}
