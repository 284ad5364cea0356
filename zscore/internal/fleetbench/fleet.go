package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"

	"github.com/clewhq/clew/zscore"
	"github.com/clewhq/clew/zscore/config"
	"github.com/clewhq/clew/zscore/source"
	"github.com/clewhq/clew/zscore/state"
)

const (
	metric = "gw_rps"
	rule   = "gateway-rps"
	// perRequest is how many samples Prometheus sends in one request unless told
	// otherwise.
	perRequest = 2000
	taughtDays = 14
)

// calendarText is the calendar of all detectors, as a configuration has it, with a
// holiday a week ago, so that every series has a table for each kind of day.
func calendarText(now time.Time) string {
	return `{zone: Asia/Seoul, open: "09:00", close: "15:30", days: [mon, tue, wed, thu, fri], holidays: [` +
		now.AddDate(0, 0, -7).Format(time.DateOnly) + `]}`
}

// fleet is all the series, and a detector with its condition for each.
type fleet struct {
	labels    [][]prompb.Label
	detectors []zscore.Detector
	conds     []*zscore.Condition
	values    []float64 // of the round that was made last
	alerts    int
}

// newFleet makes n series, of which every one knows two weeks that end now.
func newFleet(n int, interval time.Duration, now time.Time) (*fleet, []byte, error) {
	calendar, err := config.ParseCalendar("calendar", []byte(calendarText(now)))
	if err != nil {
		return nil, nil, err
	}
	schedule, err := zscore.NewSchedule(calendar)
	if err != nil {
		return nil, nil, err
	}
	make1 := func() (zscore.Snapshotter, error) {
		d, err := zscore.NewDetector("", schedule, zscore.KindRate, interval)
		if err != nil {
			return nil, err
		}
		return d.(zscore.Snapshotter), nil // all of them are
	}
	teacher, err := make1()
	if err != nil {
		return nil, nil, err
	}
	r := rand.New(rand.NewPCG(1, 1))
	for at := now.Add(-taughtDays * 24 * time.Hour); at.Before(now); at = at.Add(time.Minute) {
		teacher.Observe(at, traffic(at, r))
	}
	taught, err := teacher.AppendBinary(nil)
	if err != nil {
		return nil, nil, err
	}
	f := &fleet{values: make([]float64, n)}
	for k := range n {
		f.labels = append(f.labels, []prompb.Label{
			{Name: source.NameLabel, Value: metric},
			{Name: "instance", Value: fmt.Sprintf("gw-%02d:9090", k%40)},
			{Name: "job", Value: "gateway"},
			{Name: "route", Value: fmt.Sprintf("/v1/accounts/%d/orders", k/40)},
		})
		d, err := make1()
		if err != nil {
			return nil, nil, err
		}
		if err := d.UnmarshalBinary(taught); err != nil {
			return nil, nil, err
		}
		c, err := zscore.NewCondition(zscore.KindRate.Rule())
		if err != nil {
			return nil, nil, err
		}
		f.detectors, f.conds = append(f.detectors, d), append(f.conds, c)
	}
	return f, taught, nil
}

// traffic is what people make of a gateway: a wave over the day, with noise.
func traffic(at time.Time, r *rand.Rand) float64 {
	day := float64(at.Unix()%86400) / 86400
	return 100 * (1 + 0.5*math.Sin(2*math.Pi*day)) * math.Exp(0.05*r.NormFloat64())
}

// write keeps what was taught as the baselines of a daemon that was stopped now.
func (f *fleet) write(dir string, taught []byte) error {
	return state.WriteSnapshot(state.SnapshotPath(dir, "all"), func(add func(string, []byte) error) error {
		for _, labels := range f.labels {
			all := make([]source.Label, 0, len(labels))
			for _, l := range labels {
				all = append(all, source.Label{Name: l.Name, Value: l.Value})
			}
			if err := add(state.BaselineName(rule, source.NewLabels(all...).Key()), taught); err != nil {
				return fmt.Errorf("%s: %w", filepath.Base(dir), err)
			}
		}
		return nil
	})
}

// requests makes the remote writes of n rounds that end at the last time.
func (f *fleet) requests(last time.Time, n int, every time.Duration) func(yield func(body []byte) bool) {
	r := rand.New(rand.NewPCG(uint64(last.UnixNano()), 2))
	return func(yield func([]byte) bool) {
		var req prompb.WriteRequest
		for from := 0; from < len(f.labels); from += perRequest / n {
			req.Timeseries = req.Timeseries[:0]
			for k := from; k < min(from+perRequest/n, len(f.labels)); k++ {
				one := prompb.TimeSeries{Labels: f.labels[k]}
				for i := n - 1; i >= 0; i-- {
					at := last.Add(-time.Duration(i) * every)
					f.values[k] = traffic(at, r)
					one.Samples = append(one.Samples, prompb.Sample{Timestamp: at.UnixMilli(), Value: f.values[k]})
				}
				req.Timeseries = append(req.Timeseries, one)
			}
			body, err := req.Marshal()
			if err != nil {
				panic(err) // nothing in it can be
			}
			if !yield(snappy.Encode(nil, body)) {
				return
			}
		}
	}
}

// detect judges the points of the last round and says what that took of the
// processor.
func (f *fleet) detect(at time.Time) (time.Duration, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began, err := threadTime()
	if err != nil {
		return 0, err
	}
	for k, d := range f.detectors {
		if f.conds[k].Observe(at, d.Observe(at, f.values[k])) == zscore.Fired {
			f.alerts++
		}
	}
	ended, err := threadTime()
	return ended - began, err
}
