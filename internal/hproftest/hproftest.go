// Package hproftest writes small heap dumps for tests, whole or broken on purpose.
package hproftest

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Dump is a dump being written. The zero value is not usable: see New.
type Dump struct {
	idSize   int
	out      bytes.Buffer
	heap     bytes.Buffer // the open segment
	strings  map[string]uint64
	classes  map[uint64]classShape
	segments bool
}

type classShape struct {
	super  uint64
	fields []Field
}

// Field is an instance field; Type is that of the format, 2 for a reference.
type Field struct {
	Name string
	Type byte
}

// Static is a static field that refers to an object.
type Static struct {
	Name string
	ID   uint64
}

// New begins a dump of version "1.0.1", "1.0.2" or "1.0.3", with ids of 4 or 8
// bytes. Up to 1.0.1 it has a single heap dump record, later ones segments.
func New(version string, idSize int) *Dump {
	d := &Dump{idSize: idSize, strings: map[string]uint64{}, classes: map[uint64]classShape{}, segments: version != "1.0.1"}
	d.out.WriteString("JAVA PROFILE " + version + "\x00")
	d.u4(&d.out, uint32(idSize))
	d.u8(&d.out, 1_700_000_000_000)
	return d
}

func (d *Dump) u2(b *bytes.Buffer, v int)    { b.Write(binary.BigEndian.AppendUint16(nil, uint16(v))) }
func (d *Dump) u4(b *bytes.Buffer, v uint32) { b.Write(binary.BigEndian.AppendUint32(nil, v)) }
func (d *Dump) u8(b *bytes.Buffer, v uint64) { b.Write(binary.BigEndian.AppendUint64(nil, v)) }

func (d *Dump) id(b *bytes.Buffer, v uint64) {
	if d.idSize == 8 {
		d.u8(b, v)
	} else {
		d.u4(b, uint32(v))
	}
}

// Record writes a top record as it is.
func (d *Dump) Record(tag byte, body []byte) {
	d.out.WriteByte(tag)
	d.u4(&d.out, 0)
	d.u4(&d.out, uint32(len(body)))
	d.out.Write(body)
}

func (d *Dump) string(s string) uint64 {
	if id, ok := d.strings[s]; ok {
		return id
	}
	id := uint64(0x1000 + 8*len(d.strings))
	d.strings[s] = id
	var b bytes.Buffer
	d.id(&b, id)
	b.WriteString(s)
	d.Record(0x01, b.Bytes())
	return id
}

// Class describes a class. Its name is the JVM's: "java/lang/String", "[I".
func (d *Dump) Class(id uint64, name string, super, loader uint64, statics []Static, fields ...Field) {
	nameID := d.string(name)
	var b bytes.Buffer
	d.u4(&b, uint32(len(d.classes)+1))
	d.id(&b, id)
	d.u4(&b, 0)
	d.id(&b, nameID)
	d.Record(0x02, b.Bytes())
	d.classes[id] = classShape{super, fields}

	for _, s := range statics {
		d.string(s.Name)
	}
	for _, f := range fields {
		d.string(f.Name)
	}
	h := &d.heap
	h.WriteByte(0x20)
	d.id(h, id)
	d.u4(h, 0)
	d.id(h, super)
	d.id(h, loader)
	for range 4 {
		d.id(h, 0)
	}
	d.u4(h, uint32(8*len(fields)))
	d.u2(h, 0)
	d.u2(h, len(statics))
	for _, s := range statics {
		d.id(h, d.strings[s.Name])
		h.WriteByte(2)
		d.id(h, s.ID)
	}
	d.u2(h, len(fields))
	for _, f := range fields {
		d.id(h, d.strings[f.Name])
		h.WriteByte(f.Type)
	}
}

var widths = map[byte]int{4: 1, 5: 2, 6: 4, 7: 8, 8: 1, 9: 2, 10: 4, 11: 8}

// Instance writes an object with the values of its fields, those of the class
// itself first, then those of its superclasses.
func (d *Dump) Instance(id, class uint64, values ...uint64) {
	var body bytes.Buffer
	for c := class; c != 0; c = d.classes[c].super {
		for _, f := range d.classes[c].fields {
			if len(values) == 0 {
				panic(fmt.Sprintf("hproftest: too few values for object %#x", id))
			}
			v := binary.BigEndian.AppendUint64(nil, values[0])
			values = values[1:]
			w := widths[f.Type]
			if f.Type == 2 {
				w = d.idSize
			}
			body.Write(v[8-w:])
		}
	}
	h := &d.heap
	h.WriteByte(0x21)
	d.id(h, id)
	d.u4(h, 0)
	d.id(h, class)
	d.u4(h, uint32(body.Len()))
	h.Write(body.Bytes())
}

// Objects writes an array of references.
func (d *Dump) Objects(id, class uint64, elements ...uint64) {
	h := &d.heap
	h.WriteByte(0x22)
	d.id(h, id)
	d.u4(h, 0)
	d.u4(h, uint32(len(elements)))
	d.id(h, class)
	for _, e := range elements {
		d.id(h, e)
	}
}

// ByteArray writes a byte[].
func (d *Dump) ByteArray(id uint64, content []byte) {
	h := &d.heap
	h.WriteByte(0x23)
	d.id(h, id)
	d.u4(h, 0)
	d.u4(h, uint32(len(content)))
	h.WriteByte(8)
	h.Write(content)
}

// Root writes a root with its kind and what follows its id.
func (d *Dump) Root(kind byte, id uint64, extra ...uint32) {
	d.heap.WriteByte(kind)
	d.id(&d.heap, id)
	for _, x := range extra {
		d.u4(&d.heap, x)
	}
}

// Raw writes bytes into the open segment as they are.
func (d *Dump) Raw(b ...byte) { d.heap.Write(b) }

// Segment ends the open segment.
func (d *Dump) Segment() {
	if !d.segments || d.heap.Len() == 0 {
		return
	}
	d.Record(0x1c, d.heap.Bytes())
	d.heap.Reset()
}

// Bytes ends the dump and returns it.
func (d *Dump) Bytes() []byte {
	if d.segments {
		d.Segment()
		d.Record(0x2c, nil)
	} else {
		d.Record(0x0c, d.heap.Bytes())
	}
	d.heap.Reset()
	return d.out.Bytes()
}

// The ids of Leak's classes.
const (
	ObjectClass = 0x10000 + 0x60*iota
	ClassClass
	HolderClass
	ListClass
	ArrayClass
	ItemClass
)

// Leak is the dump of a small program: the static field app.Holder.LEAK refers to
// a list with an array of n items with a byte[] of 100 each; 5 items more are
// garbage. It is written in several segments.
func Leak(version string, idSize, n int) []byte {
	d := New(version, idSize)
	const list, array, first = 0x20000, 0x20020, 0x40000
	d.Class(ObjectClass, "java/lang/Object", 0, 0, nil)
	d.Class(ClassClass, "java/lang/Class", ObjectClass, 0, nil)
	d.Class(HolderClass, "app/Holder", ObjectClass, 0, []Static{{"LEAK", list}})
	d.Class(ListClass, "app/List", ObjectClass, 0, nil, Field{"elements", 2}, Field{"size", 10})
	d.Class(ArrayClass, "[Ljava/lang/Object;", ObjectClass, 0, nil)
	d.Class(ItemClass, "app/Item", ObjectClass, 0, nil, Field{"data", 2}, Field{"next", 2})
	for c := uint64(ObjectClass); c <= ItemClass; c += 0x60 {
		d.Root(0x05, c)
	}
	d.Segment()
	d.Instance(list, ListClass, array, uint64(n))
	var items []uint64
	for i := range n + 5 {
		item := uint64(first + i*0x100)
		if i < n {
			items = append(items, item)
		}
		d.Instance(item, ItemClass, item+0x20, 0)
		d.ByteArray(item+0x20, bytes.Repeat([]byte{byte(i)}, 100))
		if i%50 == 49 {
			d.Segment()
		}
	}
	d.Objects(array, ArrayClass, items...)
	return d.Bytes()
}
