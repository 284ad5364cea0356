package daemon

import (
	"fmt"
	"maps"
	"time"

	"github.com/clewhq/clew/zscore/source"
	"github.com/clewhq/clew/zscore/state"
)

// snapshotKey names the baseline of a series in a snapshot.
func snapshotKey(rule string, l source.Labels) string { return rule + "\x00" + l.Key() }

// readBaselines reads what was kept. A damaged part is learnt anew, and said.
func readBaselines(dir string) (map[string][]byte, error) {
	out := map[string][]byte{}
	err := state.ReadSnapshot(state.SnapshotPath(dir, "all"), func(name string, data []byte) {
		out[name] = append([]byte(nil), data...)
	})
	return out, err
}

// keep puts what every series knows beside what was restored and has not come
// yet. The caller holds mu.
func (w *watcher) keep() {
	if w.restored == nil {
		w.restored = map[string][]byte{}
	}
	maps.Copy(w.restored, w.baselines())
}

// baselines are what all detectors know, by the keys of the snapshot.
func (w *watcher) baselines() map[string][]byte {
	out := map[string][]byte{}
	for _, r := range w.rules {
		for _, s := range r.series {
			if s.detector == nil {
				continue
			}
			if b, err := s.detector.AppendBinary(nil); err == nil {
				out[snapshotKey(r.Name, s.of.Labels)] = b
			}
		}
	}
	return out
}

// snapshot writes all baselines. It answers how long that took.
func (w *watcher) snapshot(dir string) (time.Duration, error) {
	began := time.Now()
	w.mu.Lock()
	all := w.baselines()
	for key, b := range w.restored {
		if _, known := all[key]; !known {
			all[key] = b
		}
	}
	w.mu.Unlock()
	err := state.WriteSnapshot(state.SnapshotPath(dir, "all"), func(add func(string, []byte) error) error {
		for key, b := range all {
			if err := add(key, b); err != nil {
				return fmt.Errorf("%q: %w", key, err)
			}
		}
		return nil
	})
	return time.Since(began), err
}
