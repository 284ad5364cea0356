package report

import (
	"cmp"
	"slices"
	"time"
)

// What a report keeps while it grows: beyond that, the least of it goes.
const (
	maxIntervals = 240 // of a server's series; then two become one
	maxSlow      = 256 // the slowest
	maxForks     = 256 // the newest
	maxBlame     = 256 // the most waiting
)

// Append adds a part, as [Report.Since] returns it, to the end of r: the counts
// are summed, and the part becomes an interval of each server's Series. An empty
// r takes over the part's start. r shares no memory with part afterwards.
func (r *Report) Append(part *Report) {
	if r.SchemaVersion == 0 {
		r.SchemaVersion, r.Start = SchemaVersion, part.Start
	}
	at := max(0, part.Start.Sub(r.Start).Seconds())
	r.DurationSeconds = max(r.DurationSeconds, at+part.DurationSeconds)
	r.LostEvents += part.LostEvents
	r.Lost = addEach(r.Lost, part.Lost)
	r.Tiers = slices.Clone(part.Tiers)
	r.Warnings = slices.Clone(part.Warnings)
	for i := range part.Servers {
		p := &part.Servers[i]
		s := r.server(p)
		if s == nil {
			r.Servers = append(r.Servers, Server{PID: p.PID, Name: p.Name})
			s = &r.Servers[len(r.Servers)-1]
		}
		s.append(p)
		s.extend(at, part.DurationSeconds, p.Commands)
	}
}

// Settle replaces the counts of r by those of final, the last cumulative report
// of the probe whose parts r was made of, but for what only r has: the series, and
// the slow batches of the whole time. A probe may charge waiting to something else
// once it knows more, which a sum of parts does not take back. final is used up.
func (r *Report) Settle(final *Report) {
	for i := range final.Servers {
		s := &final.Servers[i]
		if old := r.server(s); old != nil {
			s.Series, s.Slow = old.Series, old.Slow
		}
	}
	*r = *final
}

func (s *Server) append(p *Server) {
	s.Port, s.Container, s.Exited = cmp.Or(p.Port, s.Port), cmp.Or(p.Container, s.Container), p.Exited
	s.TLS, s.IOThreads = s.TLS || p.TLS, s.IOThreads || p.IOThreads
	s.Conns += p.Conns
	s.Resyncs += p.Resyncs
	s.Batches.Sizes.Merge(&p.Batches.Sizes)
	s.Commands = sums(s.Commands, p.Commands, commandName, (*Command).merge)
	slices.SortStableFunc(s.Commands, func(a, b Command) int { return cmp.Compare(b.Count, a.Count) })
	s.Clients = sums(s.Clients, p.Clients, func(c *Client) string { return c.Address }, (*Client).merge)
	s.Prefixes = sums(s.Prefixes, p.Prefixes, func(c *Prefix) string { return c.Prefix },
		func(c, o *Prefix) { c.Prefix = o.Prefix; c.merge(&o.Command) })
	s.Syscalls = sums(s.Syscalls, p.Syscalls, func(c *Syscall) string { return c.Name }, (*Syscall).merge)
	s.Blame = sums(s.Blame, p.Blame, blameKey, (*Blame).merge)
	slices.SortStableFunc(s.Blame, func(a, b Blame) int { return cmp.Compare(b.WaitNS, a.WaitNS) })
	s.Blame = s.Blame[:min(len(s.Blame), maxBlame)]
	s.Slow = append(s.Slow, p.Slow...)
	if len(s.Slow) > maxSlow {
		slices.SortStableFunc(s.Slow, func(a, b Slow) int { return cmp.Compare(b.total(), a.total()) })
		s.Slow = s.Slow[:maxSlow]
	}
	slices.SortFunc(s.Slow, func(a, b Slow) int { return cmp.Compare(a.ID, b.ID) })
	for _, f := range p.Forks {
		if i := slices.IndexFunc(s.Forks, f.is); i >= 0 {
			s.Forks[i] = f
		} else {
			s.Forks = append(s.Forks, f)
		}
	}
	s.Forks = s.Forks[max(0, len(s.Forks)-maxForks):]
	if p.OffCPU != nil {
		if s.OffCPU == nil {
			s.OffCPU = &OffCPU{}
		}
		s.OffCPU.RunQueue.Merge(&p.OffCPU.RunQueue.Histogram)
		s.OffCPU.Reasons = sums(s.OffCPU.Reasons, p.OffCPU.Reasons, func(r *Reason) string { return r.Name },
			func(r, o *Reason) { r.Name = o.Name; r.Time.Merge(&o.Time.Histogram) })
	}
}

// sums adds each row of more to the row of rows that has its key, or to a new
// one.
func sums[T any, K comparable](rows, more []T, key func(*T) K, merge func(row, more *T)) []T {
	place := make(map[K]int, len(rows))
	for i := range rows {
		place[key(&rows[i])] = i
	}
	for i := range more {
		k := key(&more[i])
		at, ok := place[k]
		if !ok {
			at = len(rows)
			place[k] = at
			rows = append(rows, *new(T))
		}
		merge(&rows[at], &more[i])
	}
	return rows
}

func (c *Command) merge(o *Command) {
	c.Name = o.Name
	c.Count += o.Count
	c.Errors += o.Errors
	c.Phases.merge(&o.Phases)
}

func (c *Client) merge(o *Client) {
	c.Address = o.Address
	c.Conns += o.Conns
	c.Command.merge(&o.Command)
}

func (c *Syscall) merge(o *Syscall) {
	c.Name = o.Name
	c.Calls += o.Calls
	c.Errors += o.Errors
	c.Errnos = addEach(c.Errnos, o.Errnos)
	c.Time.Merge(&o.Time.Histogram)
}

func (b *Blame) merge(o *Blame) {
	b.Cause, b.By, b.Detail = o.Cause, o.By, o.Detail
	b.Client, b.TraceID, b.SpanID = o.Client, o.TraceID, o.SpanID
	b.Times += o.Times
	b.HeldNS += o.HeldNS
	b.HeldMaxNS = max(b.HeldMaxNS, o.HeldMaxNS)
	b.Waited += o.Waited
	b.WaitNS += o.WaitNS
	if o.LastAt.After(b.LastAt) {
		b.LastAt = o.LastAt
	}
	b.Victims = sums(b.Victims, o.Victims, func(v *Victim) string { return v.Name }, (*Victim).merge)
	slices.SortStableFunc(b.Victims, func(a, b Victim) int { return cmp.Compare(b.SumNS, a.SumNS) })
}

func (v *Victim) merge(o *Victim) {
	if v.Count == 0 {
		v.MinNS = o.MinNS
	}
	v.Name = o.Name
	v.MinNS, v.MaxNS = min(v.MinNS, o.MinNS), max(v.MaxNS, o.MaxNS)
	v.Count += o.Count
	v.SumNS += o.SumNS
}

// total is how long the batch took from its arrival to the reply.
func (s *Slow) total() time.Duration { return time.Duration(s.WaitNS + s.ServiceNS) }

// extend puts an interval at the end of the series. All intervals but the last
// are about equally long; when there are too many, each two neighbours become one.
func (s *Server) extend(at, length float64, commands []Command) {
	if n := len(s.Series); n > 1 {
		last, usual := &s.Series[n-1], s.Series[0].Seconds
		if last.Seconds < .9*usual && last.Seconds+length < 1.5*usual { // a busy clock's ticks differ
			last.merge(&Interval{at, length, commands})
			return
		}
	}
	next := Interval{AtSeconds: at}
	next.merge(&Interval{at, length, commands})
	s.Series = append(s.Series, next)
	if len(s.Series) <= maxIntervals {
		return
	}
	half := s.Series[:0]
	for i := range s.Series {
		if i%2 == 0 {
			half = append(half, s.Series[i])
		} else {
			half[len(half)-1].merge(&s.Series[i])
		}
	}
	clear(s.Series[len(half):])
	s.Series = half
}

// merge takes a neighbour in. Of the phases only wait and service are kept.
func (i *Interval) merge(o *Interval) {
	i.Seconds = o.AtSeconds + o.Seconds - i.AtSeconds
	i.Commands = sums(i.Commands, o.Commands, commandName, func(c, more *Command) {
		c.merge(&Command{more.Name, more.Count, more.Errors, Phases{Wait: more.Phases.Wait, Service: more.Phases.Service}})
	})
}

func addEach(to, more map[string]uint64) map[string]uint64 {
	for k, n := range more {
		if to == nil {
			to = map[string]uint64{}
		}
		to[k] += n
	}
	return to
}
