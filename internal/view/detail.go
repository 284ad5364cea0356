package view

import (
	"github.com/clewhq/clew/internal/calltree"
	"github.com/clewhq/clew/internal/store"
)

// detail is what a row shows when it is opened.
type detail struct {
	Note             string // all there is to say of a span that has not come
	SpanID, ParentID string
	Start            string
	Status           string
	StatusText       string
	Scope            string
	Cut              int
	Attrs, Resource  []pair
	Events           []event
	Links            []link
}

// pair is an attribute.
type pair struct {
	Key, Value string
	Cut        bool
}

type event struct {
	At    string // since the transaction's start
	Name  string
	Attrs []pair
}

// link is a reference to another span. Href is empty when its trace is not
// held here.
type link struct {
	Trace, Span, Href string
	Attrs             []pair
}

func (r *treeRenderer) detail(c *calltree.Row) *detail {
	s := c.Span
	d := &detail{
		SpanID: s.SpanID.String(), Start: fullTime(s.Start), Status: s.Status.String(), StatusText: visible(s.StatusText),
		Scope: visible(s.Scope.Name), Cut: s.Cut, Attrs: pairs(s.Attrs), Resource: pairs(s.Resource.Attrs),
	}
	if s.Scope.Version != "" {
		d.Scope += " " + visible(s.Scope.Version)
	}
	if s.ParentID.IsValid() {
		d.ParentID = s.ParentID.String()
	}
	for _, e := range s.Events {
		at := e.Time - r.built.Start
		text := millis(max(at, 0))
		if at < 0 {
			text = "before the start"
		}
		d.Events = append(d.Events, event{At: text, Name: visible(e.Name), Attrs: pairs(e.Attrs)})
	}
	for _, l := range s.Links {
		to := link{Trace: l.TraceID.String(), Span: l.SpanID.String(), Attrs: pairs(l.Attrs)}
		if _, _, held := find(r.runs, l.TraceID); held {
			to.Href = place{Trace: to.Trace, Query: r.at.Query, Open: []string{to.Span}}.href()
		}
		d.Links = append(d.Links, to)
	}
	return d
}

func pairs(attrs []store.Attr) (ps []pair) {
	for _, a := range attrs {
		ps = append(ps, pair{Key: visible(a.Key), Value: visible(a.Value), Cut: a.Cut})
	}
	return ps
}
