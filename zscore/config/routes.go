package config

import (
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/clewhq/clew/zscore/alert"
)

// routes reads the tree of two levels into a list: the inner ones first, each
// with the outer one's settings where it has none of its own.
func (p *parser) routes(n node) {
	root := alert.Route{GroupBy: []string{alert.RuleLabel}, GroupWait: defaultGroupWait, GroupInterval: defaultInterval, Repeat: defaultRepeat}
	var inner []node
	p.route(n, &root, func(v node) { v.list(func(e node) { inner = append(inner, e) }) })
	if len(root.Receivers) == 0 {
		n.errf("no receiver: who gets what no other route takes")
	}
	for _, v := range inner {
		r := root
		r.Match = nil
		p.route(v, &r, nil)
		if len(r.Match) == 0 {
			v.errf("no match: it would take everything")
		}
		p.c.Alerts.Routes = append(p.c.Alerts.Routes, r)
	}
	p.c.Alerts.Routes = append(p.c.Alerts.Routes, root)
}

func (p *parser) route(n node, r *alert.Route, inner func(node)) {
	known := map[string]func(node){
		"receiver": func(v node) {
			r.Receivers = nil
			v.list(func(e node) {
				var name string
				p.use(e, &name)
				r.Receivers = append(r.Receivers, name)
			})
		},
		"group_by":       func(v node) { r.GroupBy = nil; v.texts(&r.GroupBy) },
		"group_wait":     func(v node) { v.duration(&r.GroupWait) },
		"group_interval": func(v node) { v.duration(&r.GroupInterval) },
		"repeat":         func(v node) { v.duration(&r.Repeat) },
	}
	if inner != nil {
		known["routes"] = inner
	} else {
		known["match"] = func(v node) { matchers(v, &r.Match) }
	}
	n.fields(known)
}

// matchers reads {rule: gateway-down} or, for more than equality, a text such as
// 'rule=~"gateway-.*"'.
func matchers(n node, to *alert.Matchers) {
	n = n.target()
	if n.Kind == yaml.MappingNode {
		n.each(func(name string, v node) {
			m := alert.Matcher{Name: name, Op: "="}
			v.text(&m.Value)
			*to = append(*to, m)
		})
		return
	}
	var s string
	n.text(&s)
	ms, err := alert.ParseMatchers(s)
	n.note(err)
	*to = ms
}

func (p *parser) mutes(n node) {
	n.list(func(v node) {
		m := alert.Mute{Zone: p.c.Zone}
		weekly := ""
		v.fields(map[string]func(node){
			"name":   func(v node) { v.text(&m.Name) },
			"weekly": func(v node) { v.text(&weekly) },
			"match":  func(v node) { matchers(v, &m.Match) },
			"zone":   func(v node) { p.zone(v, &m.Zone) },
		})
		var err error
		m.Days, m.From, m.To, err = alert.ParseWeekly(weekly)
		v.note(err)
		if m.Name = strings.TrimSpace(m.Name); m.Name == "" {
			v.errf("the mute has no name")
		}
		p.c.Alerts.Mutes = append(p.c.Alerts.Mutes, m)
	})
}

func (p *parser) inhibits(n node) {
	n.list(func(v node) {
		var i alert.Inhibit
		v.fields(map[string]func(node){
			"if":    func(v node) { matchers(v, &i.If) },
			"then":  func(v node) { matchers(v, &i.Then) },
			"equal": func(v node) { v.texts(&i.Equal) },
		})
		if len(i.If) == 0 || len(i.Then) == 0 {
			v.errf("want if and then, such as {if: {rule: gateway-down}, then: {rule: gateway-rps}}")
		}
		p.c.Alerts.Inhibits = append(p.c.Alerts.Inhibits, i)
	})
}
