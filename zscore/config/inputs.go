package config

import (
	"os"
	"time"

	"github.com/clewhq/clew/zscore/source"
)

// checker is an input that knows what is wrong with its own settings.
type checker interface{ Check() error }

func (p *parser) inputs(n node) {
	names := map[string]bool{}
	n.list(func(v node) {
		before := len(p.c.Inputs)
		v.one(map[string]func(node){
			"scrape":       p.scrape,
			"prometheus":   p.prometheus,
			"remote_write": p.remoteWrite,
			"otlp":         p.otlp,
			"lines":        p.lines,
		})
		for _, in := range p.c.Inputs[before:] {
			if c, ok := in.(checker); ok {
				v.note(c.Check())
			}
			if names[in.Name()] {
				v.errf("a second input is %s", in.Name())
			}
			names[in.Name()] = true
		}
	})
}

func (p *parser) add(in source.Input) { p.c.Inputs = append(p.c.Inputs, in) }

func (p *parser) scrape(n node) {
	var targets []string
	var interval, timeout time.Duration
	n.fields(map[string]func(node){
		"targets":  func(v node) { v.texts(&targets) },
		"interval": func(v node) { v.duration(&interval) },
		"timeout":  func(v node) { v.duration(&timeout) },
	})
	if len(targets) == 0 {
		n.errf("no targets, such as [gw-1:9090, gw-2:9090]")
	}
	for _, t := range targets {
		p.add(&source.Scrape{URL: t, Interval: interval, Timeout: timeout})
	}
}

func (p *parser) prometheus(n node) {
	in := &source.Prometheus{Queries: map[string]string{}}
	n.fields(map[string]func(node){
		"url":     func(v node) { v.text(&in.URL) },
		"step":    func(v node) { v.duration(&in.Step) },
		"history": func(v node) { v.duration(&in.History) },
		"queries": func(v node) {
			v.each(func(name string, q node) {
				var s string
				q.text(&s)
				in.Queries[name] = s
			})
		},
	})
	if len(in.Queries) == 0 {
		n.errf("no queries, such as {gw_rps: 'sum by (route) (rate(http_requests_total[1m]))'}")
	}
	p.add(in)
}

func (p *parser) remoteWrite(n node) {
	in := &source.RemoteWrite{}
	n.fields(map[string]func(node){"listen": func(v node) { v.text(&in.Addr) }})
	if in.Addr == "" {
		n.errf("no listen, such as 127.0.0.1:9201")
	}
	p.add(in)
}

func (p *parser) otlp(n node) {
	in := &source.OTLP{}
	n.fields(map[string]func(node){
		"http": func(v node) { v.text(&in.HTTPAddr) },
		"grpc": func(v node) { v.text(&in.GRPCAddr) },
	})
	p.add(in)
}

// standardInput is read by one input for as long as the process lives: after a
// reload it goes on where it was.
var standardInput = &source.Lines{From: os.Stdin, As: "standard input"}

func (p *parser) lines(n node) {
	var from string
	n.fields(map[string]func(node){"from": func(v node) { v.text(&from) }})
	if from != "stdin" {
		n.errf("from %q: want stdin, which is read as JSON, one sample a line", from)
	}
	p.add(standardInput)
}
