package main

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/clewhq/clew/heapdiff/internal/sampled"
)

// A run of the simulation lasts 1; objects are sampled ones.
const (
	steps    = 400 // in which a run advances
	profiles = 8
)

// stack is the model of the objects of one allocation stack.
type stack struct {
	rate  float64 // sampled allocations in a run
	leak  float64 // the part that is never freed
	life  float64 // mean life of the rest, exponential; 0 is for ever
	ttl   float64 // fixed life instead, if not 0
	limit int64   // a cache that evicts the oldest at this size; 0 is no limit
	keys  int64   // a cache of so many keys: what is in it is not allocated again
}

// population is a stack at work.
type population struct {
	stack
	forever, born int64
	dies          []float64 // of the mortal ones, the time of their end
}

// step advances by dt.
func (p *population) step(r *rand.Rand, now, dt float64) {
	rate := p.rate
	if p.keys > 0 {
		rate *= 1 - float64(p.inUse())/float64(p.keys)
	}
	alive := p.dies[:0]
	for _, d := range p.dies {
		if d > now {
			alive = append(alive, d)
		}
	}
	p.dies = alive
	for n := poisson(r, rate*dt); n > 0; n-- {
		p.born++
		switch {
		case r.Float64() < p.leak:
			p.forever++
		case p.ttl > 0:
			p.dies = append(p.dies, now+p.ttl)
		case p.life > 0:
			p.dies = append(p.dies, now+p.life*r.ExpFloat64())
		case p.limit == 0 || p.forever < p.limit:
			p.forever++ // else it takes the place of the oldest
		}
	}
}

func (p *population) inUse() int64 { return p.forever + int64(len(p.dies)) }

// program is a service: requests whose objects die young, caches of every kind
// that warm up from the start of the measurement on, and many stacks that are
// sampled once or twice. The leak loses one in a hundred of all bytes allocated.
func program(r *rand.Rand, leaking bool) []stack {
	between := func(lo, hi float64) float64 { return lo * math.Pow(hi/lo, r.Float64()) }
	var ss []stack
	total := 0.0
	add := func(s stack) {
		ss = append(ss, s)
		total += s.rate
	}
	if leaking {
		ss = append(ss, stack{leak: 1})
	}
	for range 15 {
		add(stack{rate: between(20, 1000), life: between(0.0001, 0.05)})
	}
	for range 8 { // fills as keys are asked for the first time
		keys := between(10, 400)
		add(stack{keys: int64(keys), rate: keys / between(0.05, 0.3)})
	}
	for range 6 { // fills, then replaces the oldest
		limit := between(10, 300)
		add(stack{limit: int64(limit), rate: limit / between(0.05, 0.45)})
	}
	for range 4 { // forgets after a time
		add(stack{rate: between(20, 600), ttl: between(0.02, 0.4)})
	}
	for range 30 {
		add(stack{rate: between(0.1, 3), life: between(0.001, 10)})
	}
	if leaking {
		ss[0].rate = total * 0.01 / 0.99
	}
	return ss
}

// simulate returns what profiles of the program would have counted.
func simulate(r *rand.Rand, ss []stack) ([]sampled.Series, []time.Time) {
	ps := make([]population, len(ss))
	out := make([]sampled.Series, len(ss))
	for i, s := range ss {
		ps[i].stack = s
		out[i].Bytes = 512 << 10
	}
	var times []time.Time
	start := time.Unix(0, 0)
	for n := range steps + 1 {
		now := float64(n) / steps
		for i := range ps {
			if n > 0 {
				ps[i].step(r, now, 1.0/steps)
			}
			if n*(profiles-1)%steps < profiles-1 {
				out[i].InUse = append(out[i].InUse, ps[i].inUse())
				out[i].Allocated = append(out[i].Allocated, ps[i].born)
			}
		}
		if n*(profiles-1)%steps < profiles-1 {
			times = append(times, start.Add(time.Duration(now*float64(time.Hour))+1))
		}
	}
	return out, times
}

// poisson draws from a Poisson distribution by adding exponential waits.
func poisson(r *rand.Rand, mean float64) int64 {
	for k, at := int64(0), r.ExpFloat64(); ; k++ {
		if at > mean {
			return k
		}
		at += r.ExpFloat64()
	}
}
