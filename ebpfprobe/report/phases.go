package report

import "iter"

// part is one of the phases that a tier beyond lean measures.
type part struct {
	name string
	time **Durations
}

// parts lists what Service consists of, in the order of a report.
func (p *Phases) parts() [6]part {
	return [...]part{
		{"execute", &p.Execute},
		{"write", &p.Write},
		{"fsync", &p.Fsync},
		{"run_queue", &p.RunQueue},
		{"blocked", &p.Blocked},
		{"call", &p.Call},
	}
}

// All yields the phases that were measured, by their names in JSON: wait and
// service, then the parts of service. Values may be read, not kept: they are p's own.
func (p *Phases) All() iter.Seq2[string, *Durations] {
	return func(yield func(string, *Durations) bool) {
		if !yield("wait", &p.Wait) || !yield("service", &p.Service) {
			return
		}
		for _, part := range p.parts() {
			if d := *part.time; d != nil && !yield(part.name, d) {
				return
			}
		}
	}
}

// merge adds the phases of o.
func (p *Phases) merge(o *Phases) {
	p.Wait.Merge(&o.Wait.Histogram)
	p.Service.Merge(&o.Service.Histogram)
	parts, others := p.parts(), o.parts()
	for i := range parts {
		other := *others[i].time
		if other == nil {
			continue
		}
		if *parts[i].time == nil {
			*parts[i].time = &Durations{}
		}
		(*parts[i].time).Merge(&other.Histogram)
	}
}

// HasParts says whether any part of service was measured.
func (p *Phases) HasParts() bool {
	for _, part := range p.parts() {
		if d := *part.time; d != nil && d.Count > 0 {
			return true
		}
	}
	return false
}
