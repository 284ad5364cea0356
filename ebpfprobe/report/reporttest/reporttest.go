// Package reporttest makes up reports for tests: of a server whose GETs waited
// behind another client's slow script.
package reporttest

import (
	"fmt"
	"time"

	"github.com/clewhq/clew/ebpfprobe/report"
)

// Start is when every made-up report begins.
var Start = time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)

// TraceID and SpanID are the ones that the slow script's client carried.
const (
	TraceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	SpanID  = "00f067aa0ba902b7"
)

// At returns the cumulative report after n seconds. In each second 100 GETs and
// 20 SETs, in pipelines of 4, are served fast; in every third second a script of
// 200 ms makes 3 GETs and a SET wait.
func At(n int) *report.Report {
	r := &report.Report{
		SchemaVersion: report.SchemaVersion, Start: Start, DurationSeconds: float64(n),
		Servers: []report.Server{{PID: 4711, Port: 6379, Name: "redis-server", Conns: 3}},
		Tiers: []report.Tier{
			{Name: "lean", State: report.TierOn, Does: "arrival, read and reply of every request"},
			{Name: "deep", State: report.TierMissing, Missing: "CAP_SYS_ADMIN", Mend: "run as root"},
		},
	}
	s := &r.Servers[0]
	get, set, eval := command("GET"), command("SET"), command("EVAL")
	for second := range n {
		record(get, 100, 12_000+uint64(second)*100, 9_000)
		record(set, 20, 15_000, 290_000)
		s.Batches.Sizes.Record(4, 30)
		fsync(set).Record(131_000, 20)
		if second%3 == 0 {
			script(s, second, get, set, eval)
		}
	}
	s.Commands = []report.Command{*get, *set, *eval}
	return r
}

func command(name string) *report.Command { return &report.Command{Name: name} }

func record(c *report.Command, n, wait, service uint64) {
	c.Count += n
	c.Phases.Wait.Record(wait, n)
	c.Phases.Service.Record(service, n)
}

func fsync(c *report.Command) *report.Durations {
	if c.Phases.Fsync == nil {
		c.Phases.Fsync = &report.Durations{}
	}
	return c.Phases.Fsync
}

// script is one run of the slow script and its consequences.
func script(s *report.Server, second int, get, set, eval *report.Command) {
	record(eval, 1, 11_000, 200_000_000)
	record(get, 3, 180_000_000, 9_000)
	record(set, 1, 90_000_000, 290_000)
	s.Batches.Sizes.Record(1, 5)
	at := Start.Add(time.Duration(second)*time.Second + 300*time.Millisecond)
	if len(s.Blame) == 0 {
		s.Blame = []report.Blame{{
			Cause: report.CauseCommand, By: "EVAL", Detail: "sha 3f2a9c01d7e4", Client: "10.0.0.7:51234",
			TraceID: TraceID, SpanID: SpanID,
			Victims: []report.Victim{{Name: "GET", MinNS: 134e6, MaxNS: 198e6}, {Name: "SET", MinNS: 90e6, MaxNS: 90e6}},
		}}
	}
	b := &s.Blame[0]
	b.Times, b.HeldNS, b.HeldMaxNS, b.LastAt = b.Times+1, b.HeldNS+200e6, 200e6, at
	b.Waited, b.WaitNS = b.Waited+4, b.WaitNS+630e6
	b.Victims[0].Count, b.Victims[0].SumNS = b.Victims[0].Count+3, b.Victims[0].SumNS+540e6
	b.Victims[1].Count, b.Victims[1].SumNS = b.Victims[1].Count+1, b.Victims[1].SumNS+90e6
	id := uint64(len(s.Slow))
	s.Slow = append(s.Slow,
		report.Slow{
			ID: id + 1, At: at, Client: "10.0.0.7:51234", Name: "EVAL", Size: 1, WaitNS: 11_000, ServiceNS: 200e6,
			Text: "EVAL ? ? ?", TraceID: TraceID, SpanID: SpanID, Goroutine: 42,
		},
		report.Slow{
			ID: id + 2, At: at.Add(200 * time.Millisecond), Client: fmt.Sprintf("10.0.0.8:%d", 40000+second), Name: "GET", Size: 3,
			WaitNS: 180e6, ServiceNS: 9_000, Text: "GET ?",
		})
}

// Over returns the report that grows second by second, with its series.
func Over(n int) *report.Report {
	var r report.Report
	var before *report.Report
	for i := 1; i <= n; i++ {
		now := At(i)
		r.Append(now.Since(before))
		before = now
	}
	return &r
}
