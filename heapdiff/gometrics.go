package heapdiff

import (
	"bytes"
	"context"
	"fmt"
	"math"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/clewhq/clew/heapdiff/internal/humanize"
)

// Go has no endpoint of its own for runtime/metrics. Services that have
// Prometheus's Go collector show some on this path, under these names.
const (
	metricsPath   = "/metrics"
	metricLive    = "go_gc_heap_live_bytes"
	metricLimit   = "go_gc_gomemlimit_bytes"
	metricLimited = "go_gc_limiter_last_enabled_gc_cycle"
)

// metrics adds what runtime/metrics tells to r. A process that does not show them
// is asked once.
func (w *watcher) metrics(ctx context.Context, r *GoRuntime) error {
	if w.dark {
		return nil
	}
	u := w.heap
	u.Path, u.RawQuery = metricsPath, ""
	b, err := w.get(ctx, u)
	if ctx.Err() != nil {
		return err
	}
	if err != nil || !bytes.Contains(b, []byte("\ngo_")) {
		w.dark = true // it has its metrics elsewhere, or others
		return nil
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(b))
	if err != nil {
		w.dark = true
		return fmt.Errorf("%s: %w", metricsPath, err)
	}
	gauge := func(name string) int64 {
		m := families[name].GetMetric()
		if len(m) != 1 || len(m[0].GetLabel()) > 0 {
			return 0
		}
		v := m[0].GetGauge().GetValue() + m[0].GetUntyped().GetValue() // one of them is there
		if !(v > 0 && v < math.MaxInt64) {                             // no limit is the largest number
			return 0
		}
		return int64(v)
	}
	r.HeapLive, r.MemoryLimit, r.Limited = gauge(metricLive), gauge(metricLimit), gauge(metricLimited)
	return nil
}

// whatIsLeft words what the collector says of the whole heap: a leak shows in it,
// growth that other stacks give way to does not.
func (d *Delta) whatIsLeft() string {
	first, last := d.Snapshots[0].Sampling, d.Snapshots[len(d.Snapshots)-1].Sampling
	if first == nil || last == nil || first.Runtime == nil || last.Runtime == nil {
		return ""
	}
	collections := last.Runtime.NumGC - first.Runtime.NumGC
	live := make([]int64, 0, len(d.Snapshots))
	for _, s := range d.Snapshots {
		if s.Sampling != nil && s.Sampling.Runtime != nil && s.Sampling.Runtime.HeapLive > 0 {
			live = append(live, s.Sampling.Runtime.HeapLive)
		}
	}
	if len(live) < len(d.Snapshots) {
		return fmt.Sprintf(" The collector's goal, which goes with what is live, went from %s to %s in %d collections.",
			humanize.Bytes(first.Runtime.NextGC), humanize.Bytes(last.Runtime.NextGC), collections)
	}
	t := NewTrend(live, d.times())
	text := fmt.Sprintf(" What collections leave (/gc/heap/live:bytes) went from %s to %s in %d collections, up in %d of %d steps",
		humanize.Bytes(live[0]), humanize.Bytes(live[len(live)-1]), collections, t.Steps, len(live)-1)
	if suspected := d.suspectedGrowth(); suspected > 0 {
		if t.Growth() > 0 {
			text += fmt.Sprintf("; the suspects' growth is %.0f %% of that", 100*float64(suspected)/float64(t.Growth()))
		} else {
			text += "; other stacks gave way to what the suspects grew by, as within a cache of a fixed size"
		}
	}
	return text + "."
}

func (d *Delta) suspectedGrowth() (sum int64) {
	for _, s := range d.Suspects {
		sum += s.RetainedBytes[len(s.RetainedBytes)-1] - s.RetainedBytes[0]
	}
	return sum
}

// memoryLimit notes how near the heap is to GOMEMLIMIT, and when it will be there.
func (d *Delta) memoryLimit() {
	last := d.Snapshots[len(d.Snapshots)-1].Sampling
	if last == nil || last.Runtime == nil || last.Runtime.MemoryLimit == 0 || last.Runtime.HeapLive == 0 {
		return
	}
	r := last.Runtime
	f := Finding{Kind: "memory-limit", Subject: "GOMEMLIMIT", Count: 1, Bytes: r.MemoryLimit}
	f.Text = fmt.Sprintf("what collections leave is %s, %.0f %% of the memory limit of %s", humanize.Bytes(r.HeapLive),
		100*float64(r.HeapLive)/float64(r.MemoryLimit), humanize.Bytes(r.MemoryLimit))
	if r.Limited > 0 {
		f.Text += fmt.Sprintf("; the collector took so much CPU that the runtime held it back, last in cycle %d of %d", r.Limited, r.NumGC)
	}
	d.Findings = append(d.Findings, f)
}
