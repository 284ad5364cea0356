package source

import (
	"cmp"
	"encoding/binary"
	"errors"
	"iter"
	"slices"
	"strconv"
	"strings"
	"unique"

	"github.com/cespare/xxhash/v2"
)

// NameLabel is the label that holds a metric's name.
const NameLabel = "__name__"

// Label is one name with its value.
type Label struct{ Name, Value string }

// Labels tell one series from another: a set of names with values, none of them
// empty. A Labels is one word, may be compared with == and be the key of a map;
// equal sets are kept once in the process, for as long as any of them is in use.
// The zero Labels has none. It never changes and may be used by several
// goroutines.
type Labels struct{ set unique.Handle[string] }

// noLabels is what the zero Labels stands for.
var noLabels Labels

// NewLabels returns the set of these labels. A label without a value is left out,
// as Prometheus does, and of two with one name the later one counts. It sorts
// labels in place and keeps nothing of it.
func NewLabels(labels ...Label) Labels {
	slices.SortStableFunc(labels, func(a, b Label) int { return cmp.Compare(a.Name, b.Name) })
	key := make([]byte, 0, 128)
	for i, l := range labels {
		if l.Name == "" || l.Value == "" || i+1 < len(labels) && labels[i+1].Name == l.Name {
			continue
		}
		key = appendText(appendText(key, l.Name), l.Value)
	}
	return fromKey(string(key))
}

func fromKey(key string) Labels {
	if key == "" {
		return noLabels
	}
	return Labels{unique.Make(key)}
}

// The key is each name and value in turn, sorted by name, each after its length.
func appendText(key []byte, s string) []byte {
	return append(binary.AppendUvarint(key, uint64(len(s))), s...)
}

// Key returns the labels as a string that only an equal set has, to keep them by:
// [LabelsFromKey] turns it back. It is not for people to read.
func (l Labels) Key() string {
	if l == noLabels {
		return ""
	}
	return l.set.Value()
}

var errKey = errors.New("not a key of a set of labels")

// LabelsFromKey returns the labels whose [Labels.Key] is key.
func LabelsFromKey(key string) (Labels, error) {
	last := ""
	for rest := key; rest != ""; {
		name, after, ok := cutText(rest)
		value, after, ok2 := cutText(after)
		if !ok || !ok2 || name <= last || value == "" {
			return noLabels, errKey
		}
		rest, last = after, name
	}
	return fromKey(key), nil
}

func cutText(key string) (text, rest string, ok bool) {
	// The shortest form of a length only: a set has one key.
	n, width := uint64(0), 0
	for shift := uint(0); width < len(key) && shift < 35; shift += 7 {
		b := key[width]
		width++
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			if b == 0 && width > 1 || n > uint64(len(key)-width) {
				return "", "", false
			}
			return key[width : width+int(n)], key[width+int(n):], true
		}
	}
	return "", "", false
}

// All yields the names, in order, and their values.
func (l Labels) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for rest := l.Key(); rest != ""; {
			name, after, _ := cutText(rest)
			value, after, _ := cutText(after)
			if !yield(name, value) {
				return
			}
			rest = after
		}
	}
}

// Get returns the value of a label, "" when there is none of this name.
func (l Labels) Get(name string) string {
	for n, v := range l.All() {
		if n == name {
			return v
		}
	}
	return ""
}

// Name is the metric's name, "" when it has none.
func (l Labels) Name() string { return l.Get(NameLabel) }

// Hash returns a number that is the same for equal sets in every process, to
// share series out by.
func (l Labels) Hash() uint64 { return xxhash.Sum64String(l.Key()) }

// Without returns the labels less those of these names.
func (l Labels) Without(names ...string) Labels {
	return l.filter(func(name string) bool { return !slices.Contains(names, name) })
}

// Only returns those of the labels that have one of these names.
func (l Labels) Only(names ...string) Labels {
	return l.filter(func(name string) bool { return slices.Contains(names, name) })
}

func (l Labels) filter(keep func(string) bool) Labels {
	var key []byte
	for n, v := range l.All() {
		if keep(n) {
			key = appendText(appendText(key, n), v)
		}
	}
	return fromKey(string(key))
}

// With returns the labels with this one added, or in the place of its namesake.
// An empty value takes the label away.
func (l Labels) With(name, value string) Labels {
	labels := make([]Label, 0, 16)
	for n, v := range l.All() {
		labels = append(labels, Label{n, v})
	}
	// A later one of the same name counts; an empty one counts too, as none.
	return NewLabels(append(labels, Label{name, value})...)
}

// String returns the labels as Prometheus writes them: name{a="b", c="d"}.
func (l Labels) String() string {
	var b strings.Builder
	b.WriteString(l.Name())
	if b.Len() > 0 && l.Without(NameLabel) == noLabels {
		return b.String()
	}
	b.WriteByte('{')
	sep := ""
	for n, v := range l.All() {
		if n == NameLabel {
			continue
		}
		b.WriteString(sep + n + "=" + strconv.Quote(v))
		sep = ", "
	}
	b.WriteByte('}')
	return b.String()
}
