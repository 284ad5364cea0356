package daemon

import (
	"fmt"
	"slices"
	"time"

	"github.com/clewhq/clew/zscore"
	"github.com/clewhq/clew/zscore/source"
	"github.com/clewhq/clew/zscore/state"
)

// baseline is what is known of a series that has not come since the start or the
// last reload: bytes of a snapshot, or the detector that it had.
type baseline struct {
	bytes    []byte
	detector zscore.Snapshotter
}

func (b baseline) append(to []byte) ([]byte, error) {
	if b.detector != nil {
		return b.detector.AppendBinary(to)
	}
	return append(to, b.bytes...), nil
}

// into teaches a new detector. It fails when that is of another kind or calendar.
func (b baseline) into(d zscore.Snapshotter) error {
	raw, err := b.append(nil)
	if err != nil {
		return err
	}
	return d.UnmarshalBinary(raw)
}

// snapshotKey names the baseline of a series in a snapshot.
func snapshotKey(rule string, l source.Labels) string { return state.BaselineName(rule, l.Key()) }

// readBaselines reads what was kept. A damaged part is learnt anew, and said.
func readBaselines(dir string) (map[string]baseline, error) {
	out := map[string]baseline{}
	err := state.ReadSnapshot(state.SnapshotPath(dir, "all"), func(name string, data []byte) {
		out[name] = baseline{bytes: slices.Clone(data)}
	})
	return out, err
}

// keep puts what every series knows beside what was restored and has not come
// yet. The caller holds mu.
func (w *watcher) keep() {
	if w.restored == nil {
		w.restored = map[string]baseline{}
	}
	for _, r := range w.rules {
		for _, s := range r.series {
			if s.detector != nil {
				w.restored[snapshotKey(r.Name, s.of.Labels)] = baseline{detector: s.detector}
			}
		}
	}
}

// record is a baseline to be written.
type record struct {
	key    string // "" until it is needed where series is set
	rule   string
	series *series
	kept   baseline
}

// records are all there are. Their bytes are not made yet: together they are as
// large as everything else that the daemon has.
func (w *watcher) records() (out []record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.rules {
		for _, s := range r.series {
			if s.detector != nil {
				out = append(out, record{rule: r.Name, series: s, kept: baseline{detector: s.detector}})
			}
		}
	}
	for key, b := range w.restored {
		out = append(out, record{key: key, kept: b})
	}
	return out
}

// chunkRecords is how many records are copied at a time, while no sample is taken.
const chunkRecords = 256

// snapshot writes all baselines. It answers how long that took.
func (w *watcher) snapshot(dir string) (time.Duration, error) {
	began := time.Now()
	all := w.records()
	var text []byte
	ends := make([]int, 0, chunkRecords)
	err := state.WriteSnapshot(state.SnapshotPath(dir, "all"), func(add func(string, []byte) error) error {
		for chunk := range slices.Chunk(all, chunkRecords) {
			var err error
			if text, ends, err = w.copyOut(chunk, text[:0], ends[:0]); err != nil {
				return err
			}
			from := 0
			for k, r := range chunk {
				if r.series != nil {
					r.key = snapshotKey(r.rule, r.series.of.Labels)
				}
				if err := add(r.key, text[from:ends[k]]); err != nil {
					return fmt.Errorf("%q: %w", r.key, err)
				}
				from = ends[k]
			}
		}
		return nil
	})
	return time.Since(began), err
}

// copyOut copies what detectors know while they don't learn: one text, and where
// each record of it ends.
func (w *watcher) copyOut(chunk []record, text []byte, ends []int) ([]byte, []int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range chunk {
		var err error
		if text, err = r.kept.append(text); err != nil {
			return text, ends, fmt.Errorf("keep a baseline of %s: %w", r.rule, err)
		}
		ends = append(ends, len(text))
	}
	return text, ends, nil
}
