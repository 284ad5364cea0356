package report

import (
	"maps"
	"slices"
	"time"
)

// Since returns what r, a later report of the same probe, has that before has
// not. A nil before stands for an empty one. The result shares no memory with
// either; [Report.Append] puts such parts together again.
func (r *Report) Since(before *Report) *Report {
	if before == nil {
		before = &Report{Start: r.Start}
	}
	d := &Report{
		SchemaVersion:   r.SchemaVersion,
		Start:           r.Start.Add(seconds(before.DurationSeconds)),
		DurationSeconds: r.DurationSeconds - before.DurationSeconds,
		LostEvents:      less(r.LostEvents, before.LostEvents),
		Lost:            lessEach(r.Lost, before.Lost),
		Tiers:           slices.Clone(r.Tiers),
		Warnings:        slices.Clone(r.Warnings),
		Servers:         make([]Server, 0, len(r.Servers)),
	}
	for i := range r.Servers {
		s := &r.Servers[i]
		old := before.server(s)
		if old == nil {
			old = &Server{}
		}
		d.Servers = append(d.Servers, s.since(old))
	}
	return d
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// server returns the entry of r for the process that s is of, or nil. A process
// that came later with the same id and another name is another.
func (r *Report) server(s *Server) *Server {
	i := slices.IndexFunc(r.Servers, func(o Server) bool { return o.PID == s.PID && o.Name == s.Name })
	if i < 0 {
		return nil
	}
	return &r.Servers[i]
}

func (s *Server) since(old *Server) Server {
	d := *s
	d.Series = nil
	d.Conns = max(0, s.Conns-old.Conns)
	d.Resyncs = less(s.Resyncs, old.Resyncs)
	d.Commands = differences(s.Commands, old.Commands, commandName, commandSince, (*Command).any)
	d.Clients = differences(s.Clients, old.Clients, func(c *Client) string { return c.Address },
		func(c, o *Client) Client {
			return Client{c.Address, max(0, c.Conns-o.Conns), commandSince(&c.Command, &o.Command)}
		}, func(c *Client) bool { return c.any() || c.Conns > 0 })
	d.Prefixes = differences(s.Prefixes, old.Prefixes, func(p *Prefix) string { return p.Prefix },
		func(p, o *Prefix) Prefix { return Prefix{p.Prefix, commandSince(&p.Command, &o.Command)} },
		func(p *Prefix) bool { return p.any() })
	d.Syscalls = differences(s.Syscalls, old.Syscalls, func(c *Syscall) string { return c.Name },
		syscallSince, func(c *Syscall) bool { return c.Calls > 0 })
	d.Blame = differences(s.Blame, old.Blame, blameKey, blameSince, func(b *Blame) bool { return b.Times > 0 || b.Waited > 0 })
	d.Batches.Sizes = s.Batches.Sizes.Since(&old.Batches.Sizes)
	d.Slow = newerThan(s.Slow, old.Slow)
	d.Forks = forksSince(s.Forks, old.Forks)
	if s.OffCPU != nil {
		before := old.OffCPU
		if before == nil {
			before = &OffCPU{}
		}
		d.OffCPU = &OffCPU{
			RunQueue: durationsSince(&s.OffCPU.RunQueue, &before.RunQueue),
			Reasons: differences(s.OffCPU.Reasons, before.Reasons, func(r *Reason) string { return r.Name },
				func(r, o *Reason) Reason { return Reason{r.Name, durationsSince(&r.Time, &o.Time)} },
				func(r *Reason) bool { return r.Time.Count > 0 }),
		}
	}
	return d
}

// differences returns since(now, before) for the rows of the same key, those only
// that keep wants.
func differences[T any, K comparable](now, before []T, key func(*T) K, since func(now, before *T) T, keep func(*T) bool) []T {
	old := make(map[K]*T, len(before))
	for i := range before {
		old[key(&before[i])] = &before[i]
	}
	out := make([]T, 0, len(now))
	for i := range now {
		o := old[key(&now[i])]
		if o == nil {
			o = new(T)
		}
		if d := since(&now[i], o); keep(&d) {
			out = append(out, d)
		}
	}
	return out
}

// any says whether there is anything in c. A request is counted when it is read,
// and its service when it is answered, which may be in another part.
func (c *Command) any() bool {
	return c.Count > 0 || c.Errors > 0 || c.Phases.Wait.Count > 0 || c.Phases.Service.Count > 0
}

func commandName(c *Command) string { return c.Name }

func commandSince(c, old *Command) Command {
	d := Command{Name: c.Name, Count: less(c.Count, old.Count), Errors: less(c.Errors, old.Errors)}
	parts, before, now := d.Phases.parts(), old.Phases.parts(), c.Phases.parts()
	d.Phases.Wait = durationsSince(&c.Phases.Wait, &old.Phases.Wait)
	d.Phases.Service = durationsSince(&c.Phases.Service, &old.Phases.Service)
	for i := range parts {
		if *now[i].time == nil {
			continue
		}
		o := *before[i].time
		if o == nil {
			o = &Durations{}
		}
		part := durationsSince(*now[i].time, o)
		*parts[i].time = &part
	}
	return d
}

func durationsSince(d, old *Durations) Durations { return Durations{d.Since(&old.Histogram)} }

func syscallSince(c, old *Syscall) Syscall {
	return Syscall{
		Name: c.Name, Calls: less(c.Calls, old.Calls), Errors: less(c.Errors, old.Errors),
		Errnos: lessEach(c.Errnos, old.Errnos), Time: durationsSince(&c.Time, &old.Time),
	}
}

// blamed is what makes two entries of blame the same one.
type blamed struct {
	cause                               Cause
	by, detail, client, traceID, spanID string
}

func blameKey(b *Blame) blamed {
	return blamed{b.Cause, b.By, b.Detail, b.Client, b.TraceID, b.SpanID}
}

// blameSince keeps the bounds of the whole, which hold for a part too.
func blameSince(b, old *Blame) Blame {
	d := *b
	// A charge that was taken back is no new one: see Settle.
	d.Times, d.HeldNS = b.Times-min(b.Times, old.Times), b.HeldNS-min(b.HeldNS, old.HeldNS)
	d.Waited, d.WaitNS = b.Waited-min(b.Waited, old.Waited), b.WaitNS-min(b.WaitNS, old.WaitNS)
	d.Victims = differences(b.Victims, old.Victims, func(v *Victim) string { return v.Name },
		func(v, o *Victim) Victim {
			return Victim{v.Name, v.Count - min(v.Count, o.Count), v.MinNS, v.MaxNS, v.SumNS - min(v.SumNS, o.SumNS)}
		}, func(v *Victim) bool { return v.Count > 0 })
	return d
}

func newerThan(now, before []Slow) []Slow {
	var last uint64
	for i := range before {
		last = max(last, before[i].ID)
	}
	var out []Slow
	for i := range now {
		if now[i].ID > last {
			out = append(out, now[i])
		}
	}
	return out
}

// forksSince returns the forks that are new since before, and those whose child
// went on: as a whole, for their parts can't be told from the difference.
func forksSince(now, before []Fork) []Fork {
	var out []Fork
	for _, f := range now {
		i := slices.IndexFunc(before, f.is)
		if i < 0 || before[i].ChildLifeNS != f.ChildLifeNS || before[i].CopyFaults != f.CopyFaults || before[i].StallNS != f.StallNS {
			out = append(out, f)
		}
	}
	return out
}

// is reports whether o is an earlier or later state of the same fork.
func (f Fork) is(o Fork) bool { return f.ChildPID == o.ChildPID && f.At.Equal(o.At) }

// less subtracts counters; one that went back has begun anew.
func less(now, before uint64) uint64 {
	if now < before {
		return now
	}
	return now - before
}

func lessEach(now, before map[string]uint64) map[string]uint64 {
	out := maps.Clone(now)
	for k := range out {
		if out[k] = less(now[k], before[k]); out[k] == 0 {
			delete(out, k)
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
