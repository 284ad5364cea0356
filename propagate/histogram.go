package propagate

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// lagBuckets doubles from 1 µs: the last of them begins at 2^30 µs, 18 minutes.
const lagBuckets = 32

// lagHistogram counts durations by powers of two of a microsecond.
type lagHistogram struct {
	counts [lagBuckets]atomic.Uint64
	sum    atomic.Int64
	max    atomic.Int64
}

func (h *lagHistogram) record(d time.Duration) {
	d = max(d, 0)
	h.counts[min(bits.Len64(uint64(d.Microseconds())), lagBuckets-1)].Add(1)
	h.sum.Add(int64(d))
	for m := h.max.Load(); int64(d) > m && !h.max.CompareAndSwap(m, int64(d)); {
		m = h.max.Load()
	}
}

// Lag is how long the tasks of a [Loop] waited between being submitted and
// being begun.
type Lag struct {
	Count   uint64
	Sum     time.Duration
	Max     time.Duration
	Buckets []LagBucket // in rising order; empty ones are left out
}

// LagBucket counts the tasks that waited for Below or less than that, and not
// so little as to be in an earlier bucket.
type LagBucket struct {
	Below time.Duration
	Count uint64
}

func (h *lagHistogram) snapshot() Lag {
	l := Lag{Sum: time.Duration(h.sum.Load()), Max: time.Duration(h.max.Load())}
	for i := range h.counts {
		n := h.counts[i].Load()
		if n == 0 {
			continue
		}
		l.Count += n
		l.Buckets = append(l.Buckets, LagBucket{time.Microsecond << i, n})
	}
	return l
}

// Quantile returns an upper bound of the lag that a share q of the tasks did
// not exceed, at most twice too high; zero if there were none.
func (l Lag) Quantile(q float64) time.Duration {
	rank := uint64(min(max(q, 0), 1) * float64(l.Count))
	var seen uint64
	for _, b := range l.Buckets {
		if seen += b.Count; seen > rank || seen == l.Count {
			return min(b.Below, l.Max)
		}
	}
	return 0
}
