package main

import (
	"errors"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"
	"go.uber.org/goleak"

	"github.com/clewhq/clew/zscore/state"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestFleet holds that both peers and the detectors in here get the same points,
// and that the daemon will find a baseline for every series.
func TestFleet(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	const series, every = perRequest + 7, 15 * time.Second
	f, taught, err := newFleet(series, every, now)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]float64{}
	requests := 0
	for body := range f.requests(now, 1, every) {
		requests++
		raw, err := snappy.Decode(nil, body)
		if err != nil {
			t.Fatal(err)
		}
		var req prompb.WriteRequest
		if err := req.Unmarshal(raw); err != nil {
			t.Fatal(err)
		}
		for _, one := range req.Timeseries {
			key := ""
			for _, l := range one.Labels {
				key += l.Name + "=" + l.Value + ","
			}
			if len(one.Samples) != 1 || one.Samples[0].Timestamp != now.UnixMilli() {
				t.Fatalf("%s has %v", key, one.Samples)
			}
			if f.values[len(seen)] != one.Samples[0].Value {
				t.Fatalf("%s is sent as %v and judged as %v", key, one.Samples[0].Value, f.values[len(seen)])
			}
			seen[key] = one.Samples[0].Value
		}
	}
	if len(seen) != series || requests != 2 {
		t.Errorf("%d series in %d requests, want %d in 2", len(seen), requests, series)
	}
	dir := t.TempDir()
	if err := f.write(dir, taught); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	if err := state.ReadSnapshot(state.SnapshotPath(dir, "all"), func(name string, _ []byte) { names[name] = true }); err != nil {
		t.Fatal(err)
	}
	if len(names) != series {
		t.Errorf("%d baselines, want %d", len(names), series)
	}
	if _, err := f.detect(now); err != nil && !errors.Is(err, errors.ErrUnsupported) || f.alerts != 0 {
		t.Errorf("%d alerts in ordinary traffic, %v", f.alerts, err)
	}
}
