package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// Error is one fault of a configuration.
type Error struct {
	File         string
	Line, Column int
	Path         string // such as rules[2].z.fire
	Msg          string
}

// Error begins with the place, as compilers write it.
func (e *Error) Error() string {
	where := e.File
	if e.Line > 0 {
		where += fmt.Sprintf(":%d:%d", e.Line, e.Column)
	}
	if e.Path != "" {
		where += ": " + e.Path
	}
	return where + ": " + e.Msg
}

// reader gathers faults.
type reader struct {
	file string
	errs []error
}

// document reads the one document of a text; want is what an empty one lacks.
func (r *reader) document(b []byte, want string) (node, error) {
	var doc yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(b)).Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return node{}, &Error{File: r.file, Msg: err.Error()}
	}
	if len(doc.Content) == 0 {
		return node{}, &Error{File: r.file, Line: 1, Column: 1, Msg: "empty: " + want}
	}
	return node{doc.Content[0], r, ""}, nil
}

// node is a value with where it stands.
type node struct {
	*yaml.Node

	r    *reader
	path string
}

func (n node) errf(format string, args ...any) {
	n.r.errs = append(n.r.errs, &Error{n.r.file, n.Line, n.Column, n.path, fmt.Sprintf(format, args...)})
}

// note reports err, if there is one, at n.
func (n node) note(err error) {
	if err != nil {
		n.errf("%v", err)
	}
}

// target follows an alias.
func (n node) target() node {
	for n.Kind == yaml.AliasNode && n.Alias != nil {
		n.Node = n.Alias
	}
	return n
}

func (n node) kind() string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	return fmt.Sprintf("%q", n.Value)
}

func (n node) empty() bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// each calls take with every key of a mapping, once each.
func (n node) each(take func(key string, v node)) {
	n = n.target()
	if n.empty() {
		return
	}
	if n.Kind != yaml.MappingNode {
		n.errf("want a mapping, got %s", n.kind())
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		at := node{n.Content[i+1], n.r, join(n.path, k.Value)}
		if k.Kind != yaml.ScalarNode || seen[k.Value] {
			(node{k, n.r, n.path}).errf("key %q: want each key once, and a word", k.Value)
			continue
		}
		seen[k.Value] = true
		take(k.Value, at)
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// fields calls the function of each key; other keys are faults.
func (n node) fields(known map[string]func(node)) {
	n.each(func(key string, v node) {
		if take := known[key]; take != nil {
			take(v)
			return
		}
		names := make([]string, 0, len(known))
		for name := range known {
			names = append(names, name)
		}
		slices.Sort(names)
		v.errf("unknown key; known here: %s", strings.Join(names, ", "))
	})
}

// one is [node.fields] of a mapping that has exactly one of the keys.
func (n node) one(known map[string]func(node)) {
	if t := n.target(); t.Kind == yaml.MappingNode && len(t.Content) != 2 {
		n.errf("want exactly one key, got %d", len(t.Content)/2)
	}
	n.fields(known)
}

// list calls take with every element; a single value is a list of one.
func (n node) list(take func(node)) {
	n = n.target()
	if n.empty() {
		return
	}
	if n.Kind != yaml.SequenceNode {
		take(n)
		return
	}
	for i, e := range n.Content {
		take(node{e, n.r, fmt.Sprintf("%s[%d]", n.path, i)}.target())
	}
}

func (n node) text(to *string) {
	n = n.target()
	if n.Kind != yaml.ScalarNode || n.empty() {
		n.errf("want a text, got %s", n.kind())
		return
	}
	*to = n.Value
}

func (n node) texts(to *[]string) {
	n.list(func(e node) {
		var s string
		e.text(&s)
		*to = append(*to, s)
	})
}

func (n node) truth(to *bool) {
	var s string
	n.text(&s)
	v, err := strconv.ParseBool(s)
	if err != nil {
		n.errf("%q: want true or false", s)
	}
	*to = v
}

func (n node) whole(to *int, least int) {
	var s string
	n.text(&s)
	v, err := strconv.Atoi(s)
	if err != nil || v < least {
		n.errf("%q: want a whole number, at least %d", s, least)
		return
	}
	*to = v
}

// float reads a number, or where share is set also a percentage.
func (n node) float(to *float64, share bool) {
	var s string
	n.text(&s)
	digits, percent := strings.CutSuffix(s, "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	switch {
	case err != nil || v < 0 || v-v != 0 || percent && !share:
		want := "want a number, 0 or more"
		if share {
			want += ", or a percentage"
		}
		n.errf("%q: %s", s, want)
		return
	case percent:
		v /= 100
	}
	*to = v
}

// duration reads a time such as 45s, 1h30m, 1d or 2w.
func (n node) duration(to *time.Duration) {
	var s string
	n.text(&s)
	d, err := parseDuration(s)
	if err != nil {
		n.errf("%q: want a time such as 45s, 5m, 4h or 1d", s)
		return
	}
	*to = d
}

var errDuration = errors.New("no duration")

func parseDuration(s string) (time.Duration, error) {
	for _, long := range []struct {
		unit string
		d    time.Duration
	}{{"d", 24 * time.Hour}, {"w", 7 * 24 * time.Hour}} {
		if digits, ok := strings.CutSuffix(s, long.unit); ok {
			v, err := strconv.ParseFloat(digits, 64)
			if err != nil || !(v >= 0 && v < 10_000) {
				return 0, errDuration
			}
			return time.Duration(v * float64(long.d)), nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, errDuration
	}
	return d, nil
}
