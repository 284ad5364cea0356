package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/clewhq/clew/zscore"
	"github.com/clewhq/clew/zscore/alert"
	"github.com/clewhq/clew/zscore/source"
)

// Config is a configuration that has no fault.
type Config struct {
	Zone *time.Location
	// Listen is where the page and the API are, and Page their URL as readers of
	// messages reach it; "" is not at all.
	Listen, Page string
	Inputs       []source.Input
	Rules        []Rule
	Alerts       alert.Config
	Receivers    []Receiver
	Heartbeat    Heartbeat
	State        State
}

// Rule says what to watch and when that is worth an alert.
type Rule struct {
	Name     string
	Shaping  source.Shaping
	Detector string
	Schedule *zscore.Schedule
	Rule     zscore.Rule // AbsentAfter 0 is the default of the series' interval
	Absent   bool        // silence is an alert
	Severity string
	// By are the labels whose values are searched for what drives an alert.
	By []string
	// Exemplars is how many traces an alert names, and TraceURL where one is seen;
	// {trace_id} in it is the trace's.
	Exemplars int
	TraceURL  string
	Links     []alert.Link
}

// Heartbeat is a message that comes as long as all is well.
type Heartbeat struct {
	Receiver string
	Every    time.Duration
}

// State is where the daemon keeps what it must not forget.
type State struct {
	Dir string
	// Snapshot is how often baselines are written.
	Snapshot time.Duration
}

// Defaults of what may be left out.
const (
	DefaultListen    = "127.0.0.1:9300"
	defaultGroupWait = 5 * time.Second
	defaultInterval  = 10 * time.Second
	defaultRepeat    = 4 * time.Hour
	defaultMaxAge    = 24 * time.Hour
	defaultDigest    = 5
	defaultSnapshot  = time.Minute
	defaultSeverity  = "page"
	maxConfig        = 4 << 20
)

// ReadFile reads the configuration at path. Paths within it are relative to its
// directory. The error joins every fault, each an [*Error].
func ReadFile(path string) (*Config, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, b)
}

// Parse reads a configuration; file is its name in errors, and where paths within
// it are relative to.
func Parse(file string, b []byte) (*Config, error) {
	r := &reader{file: file}
	if len(b) > maxConfig {
		return nil, &Error{File: file, Msg: fmt.Sprintf("larger than %d MiB", maxConfig>>20)}
	}
	root, err := r.document(b, "want at least inputs, rules, receivers, route and state")
	if err != nil {
		return nil, err
	}
	p := parser{c: &Config{Zone: time.UTC, Listen: DefaultListen, State: State{Snapshot: defaultSnapshot}}, dir: filepath.Dir(file)}
	p.read(root)
	if len(r.errs) > 0 {
		return nil, errors.Join(r.errs...)
	}
	return p.c, nil
}

// parser holds what one part of the file needs of another.
type parser struct {
	c         *Config
	dir       string
	schedules map[string]*zscore.Schedule
	used      map[string]node // names of receivers that are used, with where
}

// read goes through the parts in the order in which one needs the other.
func (p *parser) read(n node) {
	parts := map[string]node{}
	known := map[string]func(node){}
	for _, name := range []string{"zone", "listen", "page", "calendars", "inputs", "rules", "route", "mute", "inhibit", "receivers", "heartbeat", "state"} {
		known[name] = func(v node) { parts[name] = v }
	}
	n.fields(known)
	p.used = map[string]node{}
	for _, step := range []struct {
		name string
		take func(node)
		must string
	}{
		{"zone", func(v node) { p.zone(v, &p.c.Zone) }, ""},
		{"listen", func(v node) { v.text(&p.c.Listen) }, ""},
		{"page", p.page, ""},
		{"calendars", p.calendars, ""},
		{"inputs", p.inputs, "where samples come from"},
		{"rules", p.rules, "what to watch"},
		{"receivers", p.receivers, "whom to tell"},
		{"route", p.routes, "which receiver gets what"},
		{"mute", p.mutes, ""},
		{"inhibit", p.inhibits, ""},
		{"heartbeat", p.heartbeat, ""},
		{"state", p.state, "dir, a directory for what must not be forgotten"},
	} {
		switch v, ok := parts[step.name]; {
		case ok:
			step.take(v)
		case step.must != "":
			n.errf("no %s: %s", step.name, step.must)
		}
	}
	p.check(n)
}

// check looks at what no single part can see.
func (p *parser) check(n node) {
	names := map[string]bool{}
	for _, r := range p.c.Receivers {
		names[r.Name] = true
	}
	for name, at := range p.used {
		if !names[name] {
			at.errf("no receiver is called %q", name)
		}
	}
	if len(p.c.Inputs) == 0 && len(n.r.errs) == 0 {
		n.errf("inputs is empty: nothing would come in")
	}
	if len(p.c.Rules) == 0 && len(n.r.errs) == 0 {
		n.errf("rules is empty: nothing would be watched")
	}
}

func (p *parser) heartbeat(n node) {
	p.c.Heartbeat.Every = 24 * time.Hour
	n.fields(map[string]func(node){
		"receiver": func(v node) { p.use(v, &p.c.Heartbeat.Receiver) },
		"every":    func(v node) { v.duration(&p.c.Heartbeat.Every) },
	})
	if p.c.Heartbeat.Receiver == "" || p.c.Heartbeat.Every < time.Second {
		n.errf("want a receiver, and every, at least 1s")
	}
}

func (p *parser) state(n node) {
	n.fields(map[string]func(node){
		"dir":      func(v node) { v.text(&p.c.State.Dir) },
		"snapshot": func(v node) { v.duration(&p.c.State.Snapshot) },
	})
	if p.c.State.Dir == "" {
		n.errf("no dir: a directory for what must not be forgotten")
		return
	}
	if p.c.State.Snapshot < time.Second {
		n.errf("snapshot: want at least 1s")
	}
	p.c.State.Dir = p.path(p.c.State.Dir)
}

func (p *parser) path(s string) string {
	if filepath.IsAbs(s) {
		return s
	}
	return filepath.Join(p.dir, s)
}

// use notes that a receiver of this name must be there.
func (p *parser) use(n node, to *string) {
	n.text(to)
	p.used[*to] = n
}
