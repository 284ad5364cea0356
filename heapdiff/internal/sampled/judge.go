package sampled

import (
	"math"
	"slices"
	"time"
)

// Series is one stack over several profiles of one process, oldest first.
// Counts are of sampled objects.
type Series struct {
	InUse []int64
	// Allocated counts since the process began; nil where the profiler keeps none.
	Allocated []int64
	// Bytes is what one sampled object stands for: the bytes in use that the
	// profiles estimate, by sampled object.
	Bytes float64
}

// Class is what Judge makes of a stack.
type Class int

// The classes of a stack, the worst first.
const (
	// Leaking grows to the end, steadily, beyond chance.
	Leaking Class = iota
	// Growing grew beyond chance, but two profiles do not show at what pace.
	Growing
	// Slowing grew beyond chance, but less and less: so does a cache that fills.
	Slowing
	// Thin seems to grow, but too few of its objects were sampled to tell.
	Thin
	// Steady shows nothing beyond chance.
	Steady
)

// Judgement is what the profiles say of a stack. Bytes are those of all objects,
// estimated from the sampled ones.
type Judgement struct {
	Class  Class
	PValue float64 // that so many more births than deaths are chance, in the later half
	// Growth of the bytes in use from first to last, with its exact interval of
	// 95 %.
	Growth, GrowthLow, GrowthHigh float64
	// Born is the number of sampled allocations; -1 if it is not counted.
	Born int64
	// Age is how long an object lives on average, by Little's law: those in use
	// over those allocated in a time. It is in seconds, or in profiles where the
	// times are unknown; 0 if it can't be told.
	Age float64
	// Share is the pace of the later half by that of the earlier: near 1 in a
	// leak, near 0 in a cache that fills, and 0 if nothing came in the last third.
	// It is the larger of two, by time and by what the rest of the process
	// allocated: most leaks go with the work that is done, and work comes and goes.
	Share float64

	tau     float64
	changes int64 // that could tell growth from chance
}

// alpha is the chance that any stack of a process without a leak is accused.
const alpha = 0.005

// minShare is the pace, by that of the earlier half, below which growth slows
// down.
const minShare = 0.5

// minTau is the rank correlation with time below which growth is not steady.
const minTau = 0.5

// Judge judges stacks that were profiled at the given times. The times count
// only if each is later than the one before. At least three profiles are needed
// for a leak; with two nothing is worse than Growing.
func Judge(stacks []Series, times []time.Time) []Judgement {
	out := make([]Judgement, len(stacks))
	if len(times) < 2 {
		for i := range out {
			out[i] = Judgement{Class: Steady, PValue: 1}
		}
		return out
	}
	at, work := clock(times), workClock(stacks)
	mid, late := nearest(at, 1./2), nearest(at, 2./3)
	tests := 0
	for i := range stacks {
		out[i] = stacks[i].measure(at, mid, late)
		if out[i].Share > 0 {
			out[i].Share = max(out[i].Share, stacks[i].shareOfWork(work))
		}
		if out[i].changes > 0 {
			tests++
		}
	}
	holm(out, len(times), tests)
	return out
}

// clock returns the times as seconds since the first, or as numbers if they are
// not in order.
func clock(times []time.Time) []float64 {
	at := make([]float64, len(times))
	for i := range at {
		at[i] = float64(i)
	}
	for i := 1; i < len(times); i++ {
		if times[i-1].IsZero() || !times[i].After(times[i-1]) {
			return at
		}
	}
	for i := range at {
		at[i] = times[i].Sub(times[0]).Seconds()
	}
	return at
}

// workClock counts the sampled allocations of all stacks together from the first
// profile to each; nil where that is not counted.
func workClock(stacks []Series) []float64 {
	var work []float64
	for i := range stacks {
		s := &stacks[i]
		if s.Allocated == nil {
			return nil
		}
		if work == nil {
			work = make([]float64, len(s.Allocated))
		}
		for k := range work {
			work[k] += float64(s.births(0, k))
		}
	}
	return work
}

// shareOfWork is share by the work clock without the stack's own allocations, by
// which everything that is kept would seem to grow evenly; 0 where the rest of
// the process did not allocate all the time.
func (s *Series) shareOfWork(work []float64) float64 {
	if work == nil {
		return 0
	}
	rest := make([]float64, len(work))
	for k := range work {
		rest[k] = work[k] - float64(s.births(0, k))
		if k > 0 && rest[k] <= rest[k-1] {
			return 0
		}
	}
	return s.share(rest, nearest(rest, 1./2))
}

// nearest returns the profile nearest to a part of the time, which is neither the
// first nor the last if there are three.
func nearest(at []float64, part float64) int {
	last := len(at) - 1
	best := last / 2
	for i := 1; i < last; i++ {
		if math.Abs(at[i]-at[last]*part) < math.Abs(at[best]-at[last]*part) {
			best = i
		}
	}
	return best
}

// births counts the sampled allocations between two profiles; -1 where the
// profiler keeps no count.
func (s *Series) births(from, to int) int64 {
	if s.Allocated == nil {
		return -1
	}
	return max(0, s.Allocated[to]-s.Allocated[from])
}

// chance is the probability that a stack which neither grows nor shrinks gains
// so much between two profiles. What changed are the objects of the later one
// that are new, and those of the earlier one that are gone. There are no more of
// these than births and deaths, nor than objects in both profiles together; each
// is new or gone with the same chance. The fewer there are, the less chance.
func (s *Series) chance(from, to int) float64 {
	gain, n := s.InUse[to]-s.InUse[from], s.changes(from, to)
	return BinomialTail(n, (n+gain)/2, 0.5)
}

func (s *Series) changes(from, to int) int64 {
	gain, n := s.InUse[to]-s.InUse[from], s.InUse[to]+s.InUse[from]
	if born := s.births(from, to); born >= 0 {
		n = min(n, born+max(0, born-gain))
	}
	return max(n, gain, -gain)
}

func (s *Series) measure(at []float64, mid, late int) Judgement {
	last := len(at) - 1
	gain := s.InUse[last] - s.InUse[0]
	j := Judgement{Growth: float64(gain) * s.Bytes, PValue: s.chance(mid, last), tau: s.tau()}
	j.GrowthLow, j.GrowthHigh = s.growthInterval(gain, s.changes(0, last))
	if s.InUse[last] > s.InUse[late] { // else it has stopped
		j.Share = s.share(at, mid)
	}
	j.changes = s.changes(0, last)
	if j.Born = s.births(0, last); j.Born > 0 {
		inUse := 0.0
		for _, k := range s.InUse {
			inUse += float64(k) / float64(len(s.InUse))
		}
		j.Age = inUse * at[last] / float64(j.Born)
	}
	return j
}

// share is the pace of growth after the middle by that before it.
func (s *Series) share(at []float64, mid int) float64 {
	last := len(at) - 1
	late := float64(s.InUse[last]-s.InUse[mid]) / (at[last] - at[mid])
	if mid == 0 || late <= 0 {
		return 0
	}
	early := float64(s.InUse[mid]-s.InUse[0]) / at[mid]
	if early <= 0 {
		return 1
	}
	return late / early
}

// tau is Kendall's rank correlation with time: 1 if each profile has more than
// all before it.
func (s *Series) tau() float64 {
	score, pairs := 0, 0
	for i := range s.InUse {
		for j := range i {
			pairs++
			switch {
			case s.InUse[i] > s.InUse[j]:
				score++
			case s.InUse[i] < s.InUse[j]:
				score--
			}
		}
	}
	return float64(score) / float64(max(1, pairs))
}

// growthInterval is the interval of the mean gain, of which the changes are the
// news: that of their share (Clopper and Pearson 1934), or, where all of them are
// new or all gone, the exact Poisson interval.
func (s *Series) growthInterval(gain, n int64) (lo, hi float64) {
	switch up := (n + gain) / 2; up {
	case n:
		lo, hi = Interval(n, 0.95)
	case 0:
		lo, hi = Interval(n, 0.95)
		lo, hi = -hi, -lo
	default:
		low := solve(func(p float64) float64 { return BinomialTail(n, up, min(p, 1)) - 0.025 }, 0)
		high := 1 - solve(func(p float64) float64 { return BinomialTail(n, n-up, min(p, 1)) - 0.025 }, 0)
		lo, hi = (2*low-1)*float64(n), (2*high-1)*float64(n)
	}
	return lo * s.Bytes, hi * s.Bytes
}

// holm sorts the stacks into classes, keeping the chance of any false accusation
// below alpha (Holm 1979).
func holm(js []Judgement, profiles, tests int) {
	order := make([]int, len(js))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case js[a].PValue < js[b].PValue:
			return -1
		case js[a].PValue > js[b].PValue:
			return 1
		}
		return 0
	})
	rejecting := true
	for rank, i := range order {
		j := &js[i]
		limit := alpha / float64(max(1, tests-rank))
		rejecting = rejecting && j.PValue <= limit
		j.Class = j.classify(rejecting, profiles, alpha/float64(max(1, tests)))
	}
}

func (j *Judgement) classify(grows bool, profiles int, strict float64) Class {
	switch {
	case grows && profiles < 3:
		return Growing
	case grows && j.Share >= minShare && j.tau >= minTau:
		return Leaking
	case grows:
		return Slowing
	case j.Growth <= 0:
		return Steady
	}
	// Could so many changes have told anything, had all been new objects?
	if math.Pow(0.5, float64(j.changes)/2) > strict {
		return Thin
	}
	return Steady
}
