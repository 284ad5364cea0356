package report

import (
	"encoding/json"
	"fmt"
)

// Durations is a histogram of nanoseconds. In JSON it is
//
//	{"count":3,"sum_ns":…,"p50_ns":…,"p95_ns":…,"p99_ns":…,"max_ns":…,"buckets":[[128,2],[144,1]]}
//
// where a bucket that is not empty is given by its smallest value and its count.
type Durations struct{ Histogram }

type durationsJSON struct {
	Count   uint64      `json:"count"`
	Sum     uint64      `json:"sum_ns"`
	P50     uint64      `json:"p50_ns"`
	P95     uint64      `json:"p95_ns"`
	P99     uint64      `json:"p99_ns"`
	Max     uint64      `json:"max_ns"`
	Buckets [][2]uint64 `json:"buckets"`
}

// MarshalJSON writes the form that the type's comment shows.
func (d Durations) MarshalJSON() ([]byte, error) {
	return json.Marshal(durationsJSON{
		Count: d.Count, Sum: d.Sum,
		P50: d.Quantile(.50), P95: d.Quantile(.95), P99: d.Quantile(.99), Max: d.Max,
		Buckets: d.sparse(),
	})
}

// UnmarshalJSON reads what MarshalJSON writes. It refuses a bucket that the
// layout does not have, and a count that is not the sum of the buckets'.
func (d *Durations) UnmarshalJSON(b []byte) error {
	var j durationsJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	return d.fill(j.Buckets, j.Count, j.Sum, j.Max)
}

// sparse lists the buckets that are not empty, each by its smallest value and its
// count.
func (h *Histogram) sparse() [][2]uint64 {
	out := [][2]uint64{}
	for i, n := range h.Counts {
		if n > 0 {
			out = append(out, [2]uint64{BucketFrom(i), n})
		}
	}
	return out
}

func (h *Histogram) fill(buckets [][2]uint64, count, sum, largest uint64) error {
	*h = Histogram{}
	for _, b := range buckets {
		i := BucketOf(b[0])
		if BucketFrom(i) != b[0] {
			return fmt.Errorf("histogram: no bucket begins at %d", b[0])
		}
		if b[1] > count-h.Count {
			return fmt.Errorf("histogram: the buckets hold more than the count of %d", count)
		}
		h.grow(i + 1)
		h.Counts[i] += b[1]
		h.Count += b[1]
	}
	if h.Count != count {
		return fmt.Errorf("histogram: the buckets hold %d, the count is %d", h.Count, count)
	}
	h.Sum, h.Max = sum, largest
	return nil
}
