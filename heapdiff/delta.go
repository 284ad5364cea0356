package heapdiff

// Delta is two or more snapshots of one program side by side, oldest first.
// It may also hold a single snapshot, when there is nothing to compare with.
type Delta struct {
	Kind      Kind
	Snapshots []*Snapshot
	Classes   []ClassDelta // by growth, largest first
	Holders   []HolderDelta
	Suspects  []Suspect // by Score, highest first
	Findings  []Finding // of the newest snapshot and of what changed
	// Verdict is the answer in a sentence or two.
	Verdict string
	// Warnings are doubts about the comparison, beside those of each snapshot.
	Warnings []string
}

// ClassDelta is one class over all snapshots.
type ClassDelta struct {
	Name   string
	Loader string
	At     []Class // one for each snapshot; zero counts where the class is absent
	Trend  Trend   // of the measure that the comparison is about
}

// Growth is the change of the measured bytes from the first snapshot to the last.
func (c *ClassDelta) Growth() int64 { return c.Trend.Growth() }

// HolderDelta is one holder over all snapshots.
type HolderDelta struct {
	Label         string // as in Holder
	Class         string
	Static        bool
	Parent        int     // index in Delta.Holders, or -1; always less than the own index
	Objects       []int64 // one for each snapshot
	RetainedBytes []int64 // one for each snapshot
}

// Growth is the change of the retained bytes from the first snapshot to the last.
func (h *HolderDelta) Growth() int64 {
	return h.RetainedBytes[len(h.RetainedBytes)-1] - h.RetainedBytes[0]
}

// Suspect is a holder that may be a leak.
type Suspect struct {
	Holder        string   // the static field, thread, root or stack that holds the growth
	Path          []string // from the holder to where the growth accumulates
	Class         string   // what accumulates there
	RetainedBytes []int64  // one for each snapshot
	Score         float64  // 0 to 1, higher is more suspicious
	Reason        string   // the evidence in a sentence
}
