package ebpfprobe

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/clewhq/clew/ebpfprobe/internal/blame"
	"github.com/clewhq/clew/ebpfprobe/internal/golabels"
	"github.com/clewhq/clew/ebpfprobe/internal/lean"
	"github.com/clewhq/clew/ebpfprobe/internal/resp"
	"github.com/clewhq/clew/ebpfprobe/report"
)

// maxSlow is how many slow batches of a server are kept.
const maxSlow = 200

// settleAfter is how long a wait is held back before it is charged: what explains
// it may be known only later.
const settleAfter = time.Second

// drain takes what the kernel has handed over.
func (e *engine) drain() error {
	if e.tiers.lean == nil {
		return nil
	}
	if err := e.tiers.lean.Drain(e.event); err != nil {
		return err
	}
	now, err := monotonic()
	if err != nil {
		return err
	}
	for _, p := range e.places {
		p.ledger.Settle(uint64(max(0, now-settleAfter)), e.wall)
	}
	return nil
}

func (e *engine) event(ev lean.Event) {
	if ev.Place >= len(e.places) {
		return
	}
	p := e.places[ev.Place]
	sent := e.sender(ev)
	if ev.Hold {
		p.holds = true
		p.ledger.Hold(holdOf(ev, sent))
		return
	}
	threshold := uint64(e.cfg.SlowThreshold)
	w := blame.Wait{From: ev.Arrived, To: ev.Read}
	if ev.Arrived == 0 || ev.Read-ev.Arrived < threshold {
		w = blame.Wait{From: ev.Read, To: ev.End, Served: true}
	}
	if w.To-w.From >= threshold && (!w.Served || !ev.Blocking) {
		for _, part := range ev.Parts {
			w.Names = append(w.Names, blame.Count(part))
		}
		p.ledger.Wait(w)
	}
	if !p.holds && !ev.Blocking && ev.End-ev.Read >= threshold {
		p.ledger.Hold(holdOf(ev, sent))
	}
	p.slowID++
	if len(p.slow) == maxSlow {
		p.slow = append(p.slow[:0], p.slow[1:]...)
	}
	p.slow = append(p.slow, e.slowOf(ev, sent, p.slowID))
}

// sender looks up which trace sent the batch.
func (e *engine) sender(ev lean.Event) golabels.Write {
	if e.tiers.golabels == nil || !ev.Client.IsValid() {
		return golabels.Write{}
	}
	w, ok, err := e.tiers.golabels.Lookup(golabels.Conn{Client: ev.Client, Server: ev.Server}, ev.Seq)
	if err != nil || !ok {
		return golabels.Write{}
	}
	return w
}

// holdOf says what held the loop: what took most of the time.
func holdOf(ev lean.Event, sent golabels.Write) blame.Hold {
	h := blame.Hold{From: ev.Read, To: ev.End, Cause: report.CauseCommand}
	half := (ev.End - ev.Read) / 2
	switch {
	case ev.Fsync > half:
		h.Cause, h.By = report.CauseFsync, string(report.CauseFsync)
		return h
	case ev.Forked > half:
		h.Cause, h.By = report.CauseFork, string(report.CauseFork)
		return h
	case ev.RunQueue > half:
		h.Cause, h.By = report.CauseScheduler, string(report.CauseScheduler)
		return h
	}
	h.By, h.Detail = firstName(ev), detail(ev)
	h.Client = address(ev.Client)
	h.TraceID, h.SpanID = sent.TraceID, sent.SpanID
	return h
}

func firstName(ev lean.Event) string {
	if len(ev.Parts) == 0 {
		return lean.Other
	}
	return ev.Parts[0].Name
}

// detail is what is known of a batch that is nobody's data.
func detail(ev lean.Event) string {
	var d string
	switch ev.Script {
	case "":
	case "?":
		d = "a script whose sha1 is not known"
	default:
		d = "sha " + ev.Script
	}
	if ev.Size > 1 {
		if d != "" {
			d += ", "
		}
		d += fmt.Sprintf("first of %d commands in a pipeline", ev.Size)
	}
	return d
}

func address(a netip.AddrPort) string {
	if !a.IsValid() {
		return "unix socket"
	}
	return a.String()
}

func (e *engine) slowOf(ev lean.Event, sent golabels.Write, id uint64) report.Slow {
	s := report.Slow{
		ID: id, At: e.wall(ev.Read), Client: address(ev.Client), Name: firstName(ev), Size: int(ev.Size),
		ServiceNS: ev.End - ev.Read, Error: ev.Error, Exemplar: ev.Exemplar,
		TraceID: sent.TraceID, SpanID: sent.SpanID, Goroutine: sent.Goroutine,
	}
	if ev.Arrived != 0 {
		s.WaitNS = ev.Read - ev.Arrived
	}
	if e.cfg.ShowArguments {
		s.Text = resp.Text(ev.Text)
	}
	return s
}
