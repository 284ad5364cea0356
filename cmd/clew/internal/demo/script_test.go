package demo

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/cmd/clew/internal/shop"
	"github.com/clewhq/clew/ebpfprobe"
	"github.com/clewhq/clew/ebpfprobe/report"
	"github.com/clewhq/clew/internal/store"
)

// slowTrace is the trace of the payment that ran the script, otherTrace that of one that did not.
var slowTrace, otherTrace = oteltrace.TraceID{1}, oteltrace.TraceID{2}

// scriptBlame is what redisprobe says of two GETs that waited for the script.
func scriptBlame(change func(b *report.Blame)) report.Blame {
	sum := sha1.Sum([]byte(shop.ReviewScript))
	b := report.Blame{
		Cause: report.CauseCommand, By: "EVAL", Detail: "sha " + hex.EncodeToString(sum[:]), Client: "127.0.0.1:50000",
		TraceID: slowTrace.String(), Waited: 2,
		Victims: []report.Victim{{Name: "GET", Count: 2, MinNS: uint64(50 * time.Millisecond), MaxNS: uint64(60 * time.Millisecond)}},
	}
	change(&b)
	return b
}

// met is a run of two payments, of which one ran the script, with as many GETs of 50 ms.
func met(s *slowScript, late int) *outcome {
	o := &outcome{
		script:  s,
		verdict: Verdict{Entries: map[string]oteltrace.TraceID{"slow-1": slowTrace, "with-script-1": otherTrace}},
		traces:  map[oteltrace.TraceID][]store.Span{},
	}
	for i := range late + 1 {
		get := spanOf(shop.Payment, "GET", byte(i+1), 0)
		if i < late {
			get.End = get.Start + int64(50*time.Millisecond)
		}
		o.traces[otherTrace] = append(o.traces[otherTrace], get)
	}
	return o
}

func TestCheckScript(t *testing.T) {
	for _, tt := range []struct {
		name   string
		late   int
		change func(b *report.Blame)
		ok     bool
		says   string
	}{
		{"right", 2, func(*report.Blame) {}, true, "2 GETs waited 50.0–60.0 ms behind EVAL"},
		{"the GETs were not late", 1, func(*report.Blame) {}, false, "GETs that took as long, by the shop's own spans: 1"},
		{"no trace", 2, func(b *report.Blame) { b.TraceID = "" }, false, "the trace of no payment that ran the script"},
		{"another's trace", 2, func(b *report.Blame) { b.TraceID = otherTrace.String() }, false, "the trace of no payment that ran the script"},
		{"the scheduler", 2, func(b *report.Blame) { b.Cause = report.CauseScheduler }, false, "no GET waited for the script of 1 payments"},
		{"another command", 2, func(b *report.Blame) { b.By = "GET" }, false, "no GET waited"},
		{"another script", 2, func(b *report.Blame) { b.Detail = "sha 00" }, false, "no GET waited"},
		{"other victims", 2, func(b *report.Blame) { b.Victims[0].Name = "INCR" }, false, "no GET waited"},
	} {
		s := &slowScript{slow: []string{"slow-1"}, blames: []report.Blame{scriptBlame(tt.change)}}
		got, made := checkScript(t.Context(), &evidence{with: met(s, tt.late)})
		if !made || got.OK != tt.ok || got.Skipped || !strings.Contains(got.Evidence, tt.says) {
			t.Errorf("%s: %+v, made %v; want ok %v and %q", tt.name, got, made, tt.ok, tt.says)
		}
	}
}

// One of several payments that ran the script is enough, whichever.
func TestCheckScriptOfLaterPayment(t *testing.T) {
	unknown := scriptBlame(func(b *report.Blame) { b.TraceID = "" })
	s := &slowScript{slow: []string{"slow-0", "slow-1"}, blames: []report.Blame{unknown, scriptBlame(func(*report.Blame) {})}}
	if got, _ := checkScript(t.Context(), &evidence{with: met(s, 2)}); !got.OK || !strings.Contains(got.Evidence, "payment slow-1;") {
		t.Errorf("%+v", got)
	}
}

func TestCheckScriptWithoutProbe(t *testing.T) {
	for _, tt := range []struct {
		name          string
		script        *slowScript
		made, ok, not bool
		says          string
	}{
		{"no part of the demo", nil, false, false, false, ""},
		{"missing", &slowScript{missing: "needs CAP_BPF: run as root"}, true, true, true, "not watched, which needs CAP_BPF: run as root"},
		{"broken", &slowScript{err: errors.New("the map is gone")}, true, false, false, "the map is gone"},
		{"nobody waited", &slowScript{slow: []string{"slow-1"}}, true, false, false, "no GET waited"},
	} {
		got, made := checkScript(t.Context(), &evidence{with: met(tt.script, 0)})
		if made != tt.made || got.OK != tt.ok || got.Skipped != tt.not || !strings.Contains(got.Evidence, tt.says) {
			t.Errorf("%s: %+v, made %v", tt.name, got, made)
		}
	}
}

// A Redis that is no process of its own, or a missing privilege, is said; other errors are errors.
func TestLacking(t *testing.T) {
	_, err := watchRedis(context.Background(), 0)
	if missing, other := lacking(err); missing != "needs a redis-server in PATH: apt-get install redis-server" || other != nil {
		t.Errorf("%q, %v", missing, other)
	}
	wrapped := fmt.Errorf("start: %w", &ebpfprobe.Unavailable{What: "CAP_BPF", Mend: "run as root", Privilege: true})
	if missing, other := lacking(wrapped); missing != "needs CAP_BPF: run as root" || other != nil {
		t.Errorf("%q, %v", missing, other)
	}
	broken := errors.New("broken")
	if missing, other := lacking(broken); missing != "" || !errors.Is(other, broken) {
		t.Errorf("%q, %v", missing, other)
	}
	if missing, other := lacking(nil); missing != "" || other != nil {
		t.Errorf("%q, %v", missing, other)
	}
}
