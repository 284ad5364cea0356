package demo

import (
	"cmp"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/clewhq/clew/cmd/clew/internal/shop"
	"github.com/clewhq/clew/ebpfprobe"
	"github.com/clewhq/clew/ebpfprobe/report"
)

const (
	// scriptRate is how many payments a second meet the script: at a tenth of a second some of them wait.
	scriptRate = 50
	// scriptLast bounds the whole of it.
	scriptLast = 40 * time.Second
	// scriptWarm bounds the wait for redisprobe to know the payment service's traces.
	scriptWarm = 10 * time.Second
	// scriptTries is how many payments run the script at most: who meets the first only opens a connection,
	// and on a busy machine nobody may meet the next.
	scriptTries = 10
	// scriptTold bounds the wait for redisprobe to charge one of them.
	scriptTold = time.Second

	maxScriptPayments = scriptRate*int(scriptLast/time.Second) + scriptTries
)

// slowScript is what came of the payments whose script held Redis.
type slowScript struct {
	missing string         // what redisprobe lacks here, if it does
	slow    []string       // ids of the payments that ran the script
	blames  []report.Blame // all that redisprobe charged
	doubts  []string       // its own
	err     error          // why there is no more
}

// runScript has redisprobe watch the shop's Redis while payments come, of which one runs a slow script. The
// payments are added to those of the outcome.
func (d *Demo) runScript(ctx context.Context, fleet *fleet, b branch, redis *service, o *outcome) {
	d.opts.Story.scripting()
	began := time.Now()
	defer func() { o.aside = time.Since(began) }()
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(fleet.alive, cancel)()
	got := &slowScript{}
	probe, err := watchRedis(watching, redis.ready.RedisPID)
	got.missing, got.err = lacking(err)
	if err == nil {
		o.sent = append(o.sent, got.pay(watching, fleet, b[shop.Gateway].url(), probe)...)
		slices.SortFunc(o.sent, func(a, b Sent) int { return cmp.Compare(a.ID, b.ID) })
		got.err = errors.Join(got.err, probe.Close())
	}
	if ctx.Err() == nil {
		o.script = got
		d.opts.Story.scripted(got)
	}
}

// watchRedis starts redisprobe's probe on a redis-server; pid 0 is none.
func watchRedis(ctx context.Context, pid int) (*ebpfprobe.Probe, error) {
	if pid == 0 {
		return nil, &ebpfprobe.Unavailable{Doing: "watch Redis", What: "a redis-server in PATH", Mend: "apt-get install redis-server"}
	}
	probe, err := ebpfprobe.Start(ctx, ebpfprobe.Config{PIDs: []int{pid}, TraceIDs: true, SampleEvery: 4})
	if err != nil {
		return nil, err
	}
	r, err := probe.Report()
	if err != nil {
		return nil, errors.Join(err, probe.Close())
	}
	for _, t := range r.Tiers {
		if t.State == report.TierMissing {
			err := &ebpfprobe.Unavailable{Doing: "watch Redis by tier " + t.Name, What: t.Missing, Mend: t.Mend}
			return nil, errors.Join(err, probe.Close())
		}
	}
	return probe, nil
}

// lacking tells an error about what is not to be had here, in words, from others.
func lacking(err error) (missing string, other error) {
	var what *ebpfprobe.Unavailable
	switch {
	case errors.As(err, &what):
		return fmt.Sprintf("needs %s: %s", what.What, what.Mend), nil
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, fs.ErrPermission):
		return err.Error(), nil
	}
	return "", err
}

// pay sends payments, of which one after the other runs the script until one is blamed for others' waiting.
func (s *slowScript) pay(ctx context.Context, fleet *fleet, url string, probe *ebpfprobe.Probe) []Sent {
	paying, stop := context.WithCancel(ctx)
	paid := make(chan []Sent)
	go func() {
		l := load{url: url, prefix: "with-script", rate: scriptRate, last: scriptLast}
		paid <- l.run(paying, fleet.alive, func(int) {})
	}()
	client := &http.Client{Timeout: payTime, Transport: &http.Transport{DisableKeepAlives: true}}
	var slow []Sent
	if s.see(ctx, scriptWarm, probe, namesTraces) {
		for n := 1; n <= scriptTries && ctx.Err() == nil; n++ {
			id := fmt.Sprintf("slow-%d", n)
			err := pay(fleet.alive, client, url, shop.Purchase{ID: id, SKU: "sku-1", Card: shop.SlowCard})
			slow = append(slow, Sent{ID: id, Err: err})
			s.slow = append(s.slow, id)
			if s.see(ctx, scriptTold, probe, blamesScript) {
				break
			}
		}
	} else if len(s.doubts) > 0 {
		s.missing = "needs clients that can be read: " + strings.Join(s.doubts, "; ")
	}
	stop()
	return append(<-paid, slow...)
}

// see asks the probe until it reports what is wanted, and keeps what it said last.
func (s *slowScript) see(ctx context.Context, within time.Duration, probe *ebpfprobe.Probe, wanted func(*report.Server) bool) bool {
	return until(ctx, within, func() bool {
		r, err := probe.Report()
		if err != nil || len(r.Servers) == 0 {
			s.err = err
			return err != nil
		}
		s.blames, s.doubts = r.Servers[0].Blame, r.Warnings
		return wanted(&r.Servers[0])
	})
}

// namesTraces reports whether the clients are known: sampled requests then bear their trace id.
func namesTraces(s *report.Server) bool {
	return slices.ContainsFunc(s.Slow, func(b report.Slow) bool { return b.TraceID != "" })
}

// blamesScript reports whether GETs are said to have waited for the script.
func blamesScript(s *report.Server) bool {
	return slices.ContainsFunc(s.Blame, func(b report.Blame) bool {
		_, ok := getsBehind(&b)
		return ok
	})
}

// getsBehind answers which GETs are said to have waited for the script, if that is what the blame is about.
func getsBehind(b *report.Blame) (report.Victim, bool) {
	sum := sha1.Sum([]byte(shop.ReviewScript))
	if b.Cause != report.CauseCommand || b.By != "EVAL" || b.Detail != "sha "+hex.EncodeToString(sum[:]) {
		return report.Victim{}, false
	}
	i := slices.IndexFunc(b.Victims, func(v report.Victim) bool { return v.Name == "GET" && v.Count > 0 })
	if i < 0 {
		return report.Victim{}, false
	}
	return b.Victims[i], true
}

// said is what redisprobe said, in a line.
func (s *slowScript) said() string {
	if s.missing != "" {
		return "not watched, which " + s.missing
	}
	for i := range s.blames {
		if _, ok := getsBehind(&s.blames[i]); ok {
			return s.blames[i].Sentence()
		}
	}
	if s.err != nil {
		return s.err.Error()
	}
	return fmt.Sprintf("no GET waited for the script of %d payments", len(s.slow))
}

// checkScript passes when redisprobe charged GETs that waited to the script, named the trace of the payment
// that ran it, and charged no more GETs than were as slow by the shop's own spans.
func checkScript(_ context.Context, e *evidence) (Check, bool) {
	s := e.with.script
	if s == nil {
		return Check{}, false
	}
	c := Check{Name: "redisprobe blames a slow script for the GETs that waited, and names its trace", Evidence: s.said()}
	if s.missing != "" {
		c.OK, c.Skipped = true, true
		return c, true
	}
	if s.err != nil {
		return c, true
	}
	for i := range s.blames {
		gets, ok := getsBehind(&s.blames[i])
		if !ok {
			continue
		}
		c.Evidence = s.blames[i].Sentence()
		payment, ok := e.with.ranScript(s.blames[i].TraceID)
		if !ok {
			c.Evidence += "; that is the trace of no payment that ran the script"
			continue
		}
		late := e.with.lateGets(time.Duration(gets.MinNS))
		c.OK = uint64(late) >= gets.Count
		c.Evidence += fmt.Sprintf(". That is the trace of payment %s; GETs that took as long, by the shop's own spans: %d", payment, late)
		break
	}
	return c, true
}

// ranScript answers which payment that ran the script is in the trace.
func (o *outcome) ranScript(trace string) (payment string, ok bool) {
	for _, id := range o.script.slow {
		if entry, known := o.verdict.Entries[id]; known && entry.String() == trace {
			return id, true
		}
	}
	return "", false
}

// lateGets is how many GETs of the payment service took at least so long, by its own spans.
func (o *outcome) lateGets(least time.Duration) int {
	late := 0
	for _, spans := range o.traces {
		for i := range spans {
			s := &spans[i]
			if s.Service == shop.Payment && s.Name == "GET" && time.Duration(s.End-s.Start) >= least {
				late++
			}
		}
	}
	return late
}
