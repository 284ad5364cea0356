package report

import (
	"slices"
	"strings"

	"github.com/clewhq/clew/heapdiff"
)

// stackTree is the calls that allocated, those from a root of a stack first: what
// a frame holds, all that it calls holds with it.
type stackTree struct {
	nodes    []htmlHolder
	kids     map[stackKey]int
	suspects []string // their paths
}

type stackKey struct {
	parent int
	frame  string
}

// stackTreeOf merges the stacks of a sampled profile that the options choose.
func stackTreeOf(d *heapdiff.Delta, o *Options) []htmlHolder {
	t := stackTree{kids: map[stackKey]int{}, nodes: []htmlHolder{}}
	last := len(d.Snapshots) - 1
	for i := range d.Suspects {
		t.suspects = append(t.suspects, strings.Join(d.Suspects[i].Path, "\x00"))
	}
	for i := range d.Classes {
		c := &d.Classes[i]
		if stack := stackOf(c); o.shows(c.Name) && o.any(c) {
			t.add(stack, o.of(&c.At[0]), o.of(&c.At[last]))
		}
	}
	return t.nodes
}

func (t *stackTree) add(stack []string, first, last amount) {
	parent := -1
	for _, frame := range slices.Backward(stack) {
		k := stackKey{parent, frame}
		at, ok := t.kids[k]
		if !ok {
			at = len(t.nodes)
			t.kids[k] = at
			t.nodes = append(t.nodes, htmlHolder{Parent: parent, Name: frame})
		}
		n := &t.nodes[at]
		n.Bytes += last.bytes
		n.Before += first.bytes
		n.Objects += last.objects
		parent = at
	}
	path := slices.Clone(stack)
	slices.Reverse(path)
	if slices.Contains(t.suspects, strings.Join(path, "\x00")) {
		t.nodes[parent].Suspect = true
	}
}

// stackOf is the stack of a row, the innermost function first; nil if the row is
// a class.
func stackOf(c *heapdiff.ClassDelta) []string { return c.At[len(c.At)-1].Stack }

// shortStack joins functions without the path of their package.
func shortStack(stack []string) string {
	short := make([]string, len(stack))
	for i, f := range stack {
		head, _, _ := strings.Cut(f, "[") // of type arguments
		short[i] = f[strings.LastIndexByte(head, '/')+1:]
	}
	return strings.Join(short, " < ")
}

// fitStack shortens a stack to n columns, of which the innermost functions say
// the most.
func fitStack(stack []string, n int) string {
	r := []rune(shortStack(stack))
	if len(r) <= n {
		return string(r)
	}
	return string(r[:n-1]) + "…"
}
