package config

import (
	"net/url"
	"time"

	"github.com/clewhq/clew/zscore"
	"github.com/clewhq/clew/zscore/alert"
	"github.com/clewhq/clew/zscore/source"
)

func (p *parser) page(n node) {
	n.text(&p.c.Page)
	if u, err := url.Parse(p.c.Page); err != nil || u.Host == "" {
		n.errf("%q: want a URL such as https://spikes.example/", p.c.Page)
	}
}

func (p *parser) rules(n node) {
	seen := map[string]bool{}
	n.list(func(v node) {
		r := p.rule(v)
		switch {
		case r.Name == "":
			v.errf("the rule has no name")
		case seen[r.Name]:
			v.errf("a second rule is called %q", r.Name)
		}
		seen[r.Name] = true
		p.c.Rules = append(p.c.Rules, r)
	})
}

func (p *parser) rule(n node) Rule {
	r := Rule{Severity: defaultSeverity, Absent: true}
	var kind zscore.Kind
	// The kind sets defaults that other keys change.
	n.each(func(key string, v node) {
		if key == "kind" {
			var s string
			v.text(&s)
			var err error
			kind, err = zscore.ParseKind(s)
			v.note(err)
		}
	})
	r.Shaping.Kind, r.Rule = kind, kind.Rule()
	var calendar string
	n.fields(map[string]func(node){
		"name":       func(v node) { v.text(&r.Name) },
		"match":      func(v node) { match(v, &r.Shaping.Match) },
		"kind":       func(node) {},
		"detector":   func(v node) { v.text(&r.Detector) },
		"calendar":   func(v node) { v.text(&calendar); p.schedule(v, calendar, &r) },
		"z":          func(v node) { levels(v, &r.Rule) },
		"for":        func(v node) { v.duration(&r.Rule.For) },
		"quiet":      func(v node) { v.duration(&r.Rule.Quiet) },
		"min":        func(v node) { least(v, &r.Rule) },
		"direction":  func(v node) { direction(v, &r.Rule) },
		"absent":     func(v node) { absent(v, &r) },
		"explain":    func(v node) { explain(v, &r) },
		"severity":   func(v node) { v.text(&r.Severity) },
		"links":      func(v node) { links(v, &r.Links) },
		"quantile":   func(v node) { v.float(&r.Shaping.Quantile, true) },
		"late":       func(v node) { v.duration(&r.Shaping.Hold) },
		"max_series": func(v node) { v.whole(&r.Shaping.MaxSeries, 1) },
	})
	if r.Shaping.Match.String() == "" {
		n.errf(`no match: which series, such as '{__name__="gw_rps"}'`)
	}
	if r.Schedule == nil && calendar == "" {
		r.Schedule, _ = zscore.NewSchedule(zscore.Calendar{Zone: p.c.Zone}) // it has nothing that could be wrong
	}
	if r.Schedule != nil {
		_, err := zscore.NewDetector(r.Detector, r.Schedule, kind, time.Minute)
		n.note(err)
	}
	_, err := source.NewShaper(r.Shaping, func(source.Reading) {})
	n.note(err)
	n.note(r.Rule.Check())
	return r
}

func match(n node, to *source.Match) {
	var s string
	n.text(&s)
	m, err := source.ParseMatch(s)
	n.note(err)
	*to = m
}

func (p *parser) schedule(n node, name string, r *Rule) {
	if r.Schedule = p.schedules[name]; r.Schedule == nil {
		n.errf("no calendar is called %q", name)
	}
}

func levels(n node, r *zscore.Rule) {
	n.fields(map[string]func(node){
		"fire":    func(v node) { v.float(&r.Fire, false) },
		"resolve": func(v node) { v.float(&r.Resolve, false) },
	})
}

func least(n node, r *zscore.Rule) {
	n.fields(map[string]func(node){
		"relative": func(v node) { v.float(&r.MinRelative, true) },
		"absolute": func(v node) { v.float(&r.MinAbsolute, false) },
	})
}

func direction(n node, r *zscore.Rule) {
	var s string
	switch n.text(&s); s {
	case "up":
		r.Up, r.Down = true, false
	case "down":
		r.Up, r.Down = false, true
	case "both":
		r.Up, r.Down = true, true
	default:
		n.errf("%q: want up, down or both", s)
	}
}

// absent is after how long of silence a series is absent, or never.
func absent(n node, r *Rule) {
	var s string
	if n.text(&s); s == "never" {
		r.Absent = false
		return
	}
	n.duration(&r.Rule.AbsentAfter)
}

func explain(n node, r *Rule) {
	n.fields(map[string]func(node){
		"by":        func(v node) { v.texts(&r.By) },
		"exemplars": func(v node) { v.whole(&r.Exemplars, 0) },
		"trace_url": func(v node) { v.text(&r.TraceURL) },
	})
}

func links(n node, to *[]alert.Link) {
	n.each(func(name string, v node) {
		l := alert.Link{Name: name}
		v.text(&l.URL)
		if u, err := url.Parse(l.URL); err != nil || u.Host == "" {
			v.errf("%q: want a URL", l.URL)
		}
		*to = append(*to, l)
	})
}
