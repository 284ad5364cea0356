package ebpfprobe

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/clewhq/clew/ebpfprobe/internal/lean"
	"github.com/clewhq/clew/ebpfprobe/report"
)

// fill makes a report of what was counted until now.
func (e *engine) fill() (*report.Report, error) {
	r := &report.Report{
		SchemaVersion:   report.SchemaVersion,
		Start:           e.start,
		DurationSeconds: time.Since(e.start).Seconds(),
		Servers:         []report.Server{},
		Tiers:           slices.Clone(e.tiers.states),
	}
	counts := make([]lean.Place, len(e.places))
	if e.tiers.lean != nil {
		if err := e.drain(); err != nil {
			return nil, err
		}
		var err error
		if counts, r.Lost, err = e.tiers.lean.Snapshot(len(e.places)); err != nil {
			return nil, err
		}
	}
	for i, p := range e.places {
		s, err := e.serverOf(i, p, counts[i])
		if err != nil {
			return nil, err
		}
		r.Servers = append(r.Servers, s)
		r.Warnings = append(r.Warnings, doubts(p, counts[i])...)
	}
	if err := e.tiers.addLost(r); err != nil {
		return nil, err
	}
	for _, n := range r.Lost {
		r.LostEvents += n
	}
	if len(e.places) == 0 {
		r.Warnings = append(r.Warnings, "no server was found")
	}
	if e.tiers.golabels != nil {
		for _, err := range e.tiers.golabels.Refused() {
			r.Warnings = append(r.Warnings, err.Error())
		}
	}
	return r, nil
}

// addLost adds what the tiers beside lean have lost.
func (t *tiers) addLost(r *report.Report) error {
	lost := func(kind string, count func() (uint64, error)) error {
		n, err := count()
		if n > 0 {
			if r.Lost == nil {
				r.Lost = map[string]uint64{}
			}
			r.Lost[kind] = n
		}
		return err
	}
	if t.syscalls != nil {
		if err := lost("system calls", t.syscalls.Lost); err != nil {
			return err
		}
	}
	if t.offcpu != nil {
		if err := lost("times off the CPU", t.offcpu.Lost); err != nil {
			return err
		}
	}
	if t.deep != nil {
		return lost("commands inside servers", t.deep.Lost)
	}
	return nil
}

func (e *engine) serverOf(i int, p *place, c lean.Place) (report.Server, error) {
	s := report.Server{
		PID: p.server.PID, Name: p.server.Name, Container: p.server.Container, Exited: p.exited,
		Conns: int(c.Connections), Resyncs: c.Resyncs, TLS: c.TLS, IOThreads: c.Threads,
		Commands: c.Commands, Batches: report.Batches{Sizes: c.Sizes},
		Clients: c.Clients, Prefixes: c.Prefixes,
		Blame: p.blames(e), Slow: slices.Clone(p.slow),
	}
	if len(p.server.Ports) > 0 {
		s.Port = int(p.server.Ports[0])
	}
	if s.Commands == nil {
		s.Commands = []report.Command{}
	}
	if e.tiers.deep != nil {
		calls, err := e.tiers.deep.Table(i)
		if err != nil {
			return s, err
		}
		s.Commands = addCalls(s.Commands, calls)
	}
	slices.SortFunc(s.Commands, func(a, b report.Command) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(s.Clients, func(a, b report.Client) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Address, b.Address))
	})
	slices.SortFunc(s.Prefixes, func(a, b report.Prefix) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Prefix, b.Prefix))
	})
	if e.tiers.syscalls != nil {
		var err error
		if s.Syscalls, err = e.tiers.syscalls.Table(i); err != nil {
			return s, err
		}
	}
	if e.tiers.offcpu != nil {
		var err error
		if s.OffCPU, err = e.tiers.offcpu.Threads(i); err != nil {
			return s, err
		}
		if s.Forks, err = e.tiers.offcpu.Forks(i); err != nil {
			return s, err
		}
	}
	return s, nil
}

// addCalls gives commands the times of their calls. One that no socket showed was
// encrypted, or in a script.
func addCalls(cmds []report.Command, calls map[string]*report.Durations) []report.Command {
	for i := range cmds {
		cmds[i].Phases.Call = calls[cmds[i].Name]
		delete(calls, cmds[i].Name)
	}
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		cmds = append(cmds, report.Command{Name: name, Phases: report.Phases{Call: calls[name]}})
	}
	return cmds
}

// blames returns what was charged, the waits that are held back included: this may
// be the last report.
func (p *place) blames(e *engine) []report.Blame {
	ledger := p.ledger.Clone()
	ledger.Settle(^uint64(0), e.wall)
	return ledger.Blames()
}

// doubts says what in a server's part of the report is less than it seems.
func doubts(p *place, c lean.Place) []string {
	var out []string
	who := fmt.Sprintf("%s, process %d: ", p.server.Name, p.server.PID)
	if slices.ContainsFunc(c.Commands, func(c report.Command) bool { return c.Name == report.Ciphertext }) {
		doubt := who + "some connections are encrypted: their commands are counted as (TLS), their times are right"
		if p.noTLS != nil {
			doubt += "; " + p.noTLS.Error()
		}
		out = append(out, doubt)
	}
	if c.LostService > 0 {
		out = append(out, fmt.Sprintf("%s%d commands in pipelines of more than 12 different ones have no service time", who, c.LostService))
	}
	if c.Unread > 0 {
		out = append(out, fmt.Sprintf("%s%d reads could not be looked into: their commands are not counted", who, c.Unread))
	}
	if len(p.server.Ports) == 0 {
		out = append(out, who+"its ports are not known: connections that it made itself may be taken for clients")
	}
	return out
}
