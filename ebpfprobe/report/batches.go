package report

import "encoding/json"

type batchesJSON struct {
	Count   uint64      `json:"count"`
	SizeP50 uint64      `json:"size_p50"`
	SizeMax uint64      `json:"size_max"`
	SizeSum uint64      `json:"size_sum"`
	Sizes   [][2]uint64 `json:"sizes"`
}

// MarshalJSON writes {"count":…,"size_p50":…,"size_max":…} and the histogram of
// sizes.
func (b Batches) MarshalJSON() ([]byte, error) {
	s := &b.Sizes
	return json.Marshal(batchesJSON{s.Count, s.Quantile(.5), s.Max, s.Sum, s.sparse()})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (b *Batches) UnmarshalJSON(text []byte) error {
	var j batchesJSON
	if err := json.Unmarshal(text, &j); err != nil {
		return err
	}
	return b.Sizes.fill(j.Sizes, j.Count, j.SizeSum, j.SizeMax)
}
