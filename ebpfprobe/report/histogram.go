package report

import (
	"math/bits"
	"slices"
)

// The layout of a [Histogram], which the programs in the kernel share: values
// below 8 have a bucket each, and every power of two from 8 up is cut into 8
// buckets of equal width. So a bucket is never wider than an eighth, 12.5 %, of
// the smallest value in it. In C:
//
//	static __always_inline u32 bucket(u64 v) {
//		if (v < 8)
//			return v;
//		u32 e = log2(v);                     // floor: the place of the highest bit
//		if (e > 40)
//			return 311;
//		return (e - 2) * 8 + ((v >> (e - 3)) & 7);
//	}
const (
	// SubBuckets is the number of buckets in a power of two.
	SubBuckets = 8
	// Buckets is the number of buckets. The last one takes every value above it too:
	// it begins at 2^41 - 2^37, which is 34 minutes in nanoseconds.
	Buckets = 312

	subBits = 3  // log2 of SubBuckets
	maxExp  = 40 // the highest power of two that has buckets of its own
)

// BucketOf returns the bucket that takes the value v.
func BucketOf(v uint64) int {
	if v < SubBuckets {
		return int(v)
	}
	e := bits.Len64(v) - 1
	if e > maxExp {
		return Buckets - 1
	}
	return (e-subBits+1)*SubBuckets + int(v>>(e-subBits))&(SubBuckets-1)
}

// BucketFrom returns the smallest value of bucket i, which must be from 0 to
// [Buckets] - 1.
func BucketFrom(i int) uint64 {
	if i < SubBuckets {
		return uint64(i)
	}
	shift := i/SubBuckets - 1
	return uint64(SubBuckets+i%SubBuckets) << shift
}

// BucketTo returns the largest value that bucket i stands for.
func BucketTo(i int) uint64 { return BucketFrom(i+1) - 1 }

// Histogram counts values in buckets of at most 12.5 % width, with their exact
// sum and maximum. It has no unit of its own; [Durations] is one of nanoseconds.
// The zero value is an empty histogram. It is not safe for concurrent use.
type Histogram struct {
	Count uint64 // of all values
	Sum   uint64 // of all values, exact
	Max   uint64 // exact, or the end of its bucket where a difference hides it
	// Counts holds the count of each bucket, up to the last that is not empty; it
	// may be shorter than Buckets but never longer.
	Counts []uint64
}

// Record counts the value v n times.
func (h *Histogram) Record(v, n uint64) {
	if n == 0 {
		return
	}
	i := BucketOf(v)
	h.grow(i + 1)
	h.Counts[i] += n
	h.Count += n
	h.Sum += v * n
	h.Max = max(h.Max, v)
}

// AddCounts adds the counts of buckets as a kernel map holds them, with their
// sum and maximum. Counts beyond [Buckets] are ignored.
func (h *Histogram) AddCounts(counts []uint64, sum, largest uint64) {
	for i, n := range counts[:min(len(counts), Buckets)] {
		if n == 0 {
			continue
		}
		h.grow(i + 1)
		h.Counts[i] += n
		h.Count += n
	}
	h.Sum += sum
	h.Max = max(h.Max, largest)
}

// Merge adds every value of other.
func (h *Histogram) Merge(other *Histogram) { h.AddCounts(other.Counts, other.Sum, other.Max) }

// Since returns what h has counted since before, an earlier state of it. Where h
// has less than before, as after a map was emptied, it counts from nothing. The
// maximum is exact if it is above the earlier one, else the end of its bucket.
func (h *Histogram) Since(before *Histogram) Histogram {
	if h.Count < before.Count || h.Sum < before.Sum {
		before = &Histogram{}
	}
	d := Histogram{Sum: h.Sum - before.Sum, Counts: slices.Clone(h.Counts)}
	for i := range d.Counts {
		if i < len(before.Counts) {
			d.Counts[i] -= min(before.Counts[i], d.Counts[i])
		}
		d.Count += d.Counts[i]
	}
	d.trim()
	switch {
	case d.Count == 0:
	case h.Max > before.Max:
		d.Max = h.Max
	default:
		d.Max = min(BucketTo(len(d.Counts)-1), h.Max)
	}
	return d
}

// Quantile returns a value that the share q of all values, from 0 to 1, does not
// exceed: the end of the bucket where that share is reached, but no more than the
// maximum. It is at most 12.5 % above the exact one. An empty histogram says 0.
func (h *Histogram) Quantile(q float64) uint64 {
	if h.Count == 0 {
		return 0
	}
	rank := uint64(q * float64(h.Count))
	if float64(rank) < q*float64(h.Count) || rank == 0 {
		rank++
	}
	var seen uint64
	for i, n := range h.Counts {
		seen += n
		if seen >= rank && i < Buckets-1 {
			return min(BucketTo(i), h.Max)
		}
	}
	return h.Max
}

// Mean returns the exact mean, 0 of an empty histogram.
func (h *Histogram) Mean() float64 {
	if h.Count == 0 {
		return 0
	}
	return float64(h.Sum) / float64(h.Count)
}

func (h *Histogram) grow(n int) {
	if n > len(h.Counts) {
		h.Counts = append(h.Counts, make([]uint64, n-len(h.Counts))...)
	}
}

func (h *Histogram) trim() {
	n := len(h.Counts)
	for n > 0 && h.Counts[n-1] == 0 {
		n--
	}
	h.Counts = h.Counts[:n]
}
