package config

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/clewhq/clew/zscore/alert"
	"github.com/clewhq/clew/zscore/notify"
)

// Receiver is a receiver as it was configured.
type Receiver struct {
	Name string
	// Pace is the least time between two messages.
	Pace time.Duration

	build func(Building) notify.Receiver
}

// Building is what receivers are built with.
type Building struct {
	Client   *http.Client
	Style    notify.Style
	Receipts notify.Receipts
	Out      io.Writer // of the receiver stdout
	OutLock  *sync.Mutex
}

// Build makes the receiver ready to send.
func (r Receiver) Build(b Building) notify.Receiver { return r.build(b) }

func (p *parser) receivers(n node) {
	channels := map[string]string{}
	n.each(func(name string, v node) {
		r := Receiver{Name: name}
		a := alert.Receiver{Name: name, DigestOver: defaultDigest, MaxAge: defaultMaxAge}
		common := map[string]func(node){
			"fallback":    func(v node) { p.use(v, &a.Fallback) },
			"digest_over": func(v node) { v.whole(&a.DigestOver, 0) },
			"max_age":     func(v node) { v.duration(&a.MaxAge) },
		}
		v.one(map[string]func(node){
			"slack":        func(v node) { p.slack(v, &r, common, channels) },
			"webhook":      func(v node) { p.webhook(v, &r, common) },
			"alertmanager": func(v node) { a.Resend = notify.AlertmanagerResend; p.alertmanager(v, &r, common) },
			"stdout":       func(v node) { v.fields(common); r.build = buildStdout },
			"file":         func(v node) { p.file(v, &r, common) },
		})
		if a.Fallback == name {
			v.errf("the receiver is its own fallback")
		}
		p.c.Receivers = append(p.c.Receivers, r)
		p.c.Alerts.Receivers = append(p.c.Alerts.Receivers, a)
	})
}

func with(common, more map[string]func(node)) map[string]func(node) {
	maps.Copy(more, common)
	return more
}

// inline refuses a secret in the configuration itself, which is copied around.
func inline(v node) {
	v.errf("a secret does not belong into this file: write it to a file of its own, readable by the daemon alone, and name that with %s_file, or an environment variable with %s_env",
		last(v.path), last(v.path))
}

func last(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

// secret reads NAME_file and NAME_env, one of which must be there.
func (p *parser) secret(n node, name string, s *notify.Secret, known map[string]func(node)) {
	known[name] = inline
	known[name+"_file"] = func(v node) { v.text(&s.File); s.File = p.path(s.File) }
	known[name+"_env"] = func(v node) { v.text(&s.Env) }
	n.fields(known)
}

func (p *parser) slack(n node, r *Receiver, common map[string]func(node), channels map[string]string) {
	var hook, token notify.Secret
	var channel string
	var images bool
	api := notify.SlackAPI
	known := with(common, map[string]func(node){
		"token":      inline,
		"token_file": func(v node) { v.text(&token.File); token.File = p.path(token.File) },
		"token_env":  func(v node) { v.text(&token.Env) },
		"channel":    func(v node) { v.text(&channel) },
		"images":     func(v node) { v.truth(&images) },
		"api_url":    func(v node) { v.text(&api); baseURL(v, &api) },
	})
	before := len(n.r.errs)
	p.secret(n, "webhook", &hook, known)
	r.Pace = notify.SlackPace
	isHook, isBot := hook != notify.Secret{}, token != notify.Secret{}
	switch {
	case len(n.r.errs) > before:
		return
	case isHook == isBot || hook.File != "" && hook.Env != "" || token.File != "" && token.Env != "":
		n.errf("want one of webhook_file, webhook_env, token_file and token_env")
	case isBot && channel == "":
		n.errf("a bot needs a channel")
	case images && !isBot:
		n.errf("images: a webhook takes none, a bot does: token_file or token_env, with channel")
	}
	// One message a second is a channel's limit, not a receiver's.
	place := fmt.Sprint(hook, token, channel)
	if other := channels[place]; other != "" {
		n.errf("it posts to the same channel as receiver %q: use one receiver in several routes", other)
	}
	channels[place] = r.Name
	r.build = func(b Building) notify.Receiver {
		if isBot {
			return &notify.SlackBot{Token: token, Channel: channel, API: api, Client: b.Client, Style: b.Style, Receipts: b.Receipts, Images: images}
		}
		return &notify.SlackWebhook{URL: hook, Client: b.Client, Style: b.Style}
	}
}

func (p *parser) webhook(n node, r *Receiver, common map[string]func(node)) {
	var target notify.Secret
	p.secret(n, "url", &target, with(common, map[string]func(node){}))
	if (target.File == "") == (target.Env == "") {
		n.errf("want one of url_file and url_env: a webhook's URL is often its secret")
	}
	r.build = func(b Building) notify.Receiver { return &notify.Webhook{URL: target, Client: b.Client} }
}

func (p *parser) alertmanager(n node, r *Receiver, common map[string]func(node)) {
	var base string
	n.fields(with(common, map[string]func(node){"url": func(v node) { v.text(&base); baseURL(v, &base) }}))
	if base == "" {
		n.errf("no url, such as http://alertmanager:9093")
	}
	r.build = func(b Building) notify.Receiver {
		return &notify.Alertmanager{URL: base, Client: b.Client, Style: b.Style}
	}
}

// baseURL takes the slash from the end of a URL.
func baseURL(n node, s *string) {
	if u, err := url.Parse(*s); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		n.errf("want a URL such as http://host:9093")
	} else if u.User != nil {
		n.errf("a password does not belong into this file")
	}
	*s = strings.TrimSuffix(*s, "/")
}

func buildStdout(b Building) notify.Receiver { return &notify.Stream{W: b.Out, Lock: b.OutLock} }

func (p *parser) file(n node, r *Receiver, common map[string]func(node)) {
	var path string
	n.fields(with(common, map[string]func(node){"path": func(v node) { v.text(&path) }}))
	if path == "" {
		n.errf("no path")
	}
	path = p.path(path)
	r.build = func(Building) notify.Receiver { return &notify.File{Path: path} }
}
