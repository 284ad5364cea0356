package daemon

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("spikewatch_"+name, help, labels, nil)
}

// What /metrics tells beside the process's own.
var (
	descSeries    = desc("series", "Series of a rule.", "rule")
	descFolded    = desc("series_folded", "Series of a rule that are judged as one, for want of room.", "rule")
	descReadings  = desc("readings_total", "Values judged.", "rule")
	descLate      = desc("samples_late_total", "Samples that came when their place was taken.", "rule")
	descFuture    = desc("samples_future_total", "Samples of times more than a minute ahead.", "rule")
	descSamples   = desc("input_samples_total", "Samples that an input brought.", "input")
	descInputUp   = desc("input_up", "1 if the input could be read the last time.", "input")
	descIncidents = desc("alerts_open", "Incidents that go on.", "rule")
	descFired     = desc("alerts_fired_total", "Incidents that began.")
	descResolved  = desc("alerts_resolved_total", "Incidents that ended.")
	descHeld      = desc("alerts_held_total", "Incidents that a silence, a mute or another incident kept quiet.")
	descOutbox    = desc("outbox_messages", "Messages that wait, by receiver.", "receiver")
	descOldest    = desc("outbox_oldest_seconds", "Age of the oldest message that waits.")
	descMessages  = desc("messages_total", "Attempts to deliver, by what became of them.", "result")
	descBroken    = desc("receiver_broken", "1 if the receiver refuses messages for good.", "receiver")
	descStateOK   = desc("state_writable", "1 if the state could be written the last time.")
)

// collector reads the daemon when it is asked.
type collector struct{ d *daemon }

// Describe implements [prometheus.Collector]; the labels are only known when asked.
func (c collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (c collector) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	count := func(d *prometheus.Desc, v uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	c.rules(gauge, count)
	c.alerts(gauge, count)
}

type (
	gaugeFunc func(d *prometheus.Desc, v float64, labels ...string)
	countFunc func(d *prometheus.Desc, v uint64, labels ...string)
)

func (c collector) rules(gauge gaugeFunc, count countFunc) {
	w := c.d.watcher
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.rules {
		stats := r.shaper.Stats()
		gauge(descSeries, float64(stats.Series), r.Name)
		gauge(descFolded, float64(stats.Folded), r.Name)
		count(descReadings, stats.Readings, r.Name)
		count(descLate, stats.Late, r.Name)
		count(descFuture, stats.Future, r.Name)
	}
	for _, in := range w.inputs {
		up := 1.0
		if !in.failing.IsZero() {
			up = 0
		}
		count(descSamples, in.samples, in.name)
		gauge(descInputUp, up, in.name)
	}
}

func (c collector) alerts(gauge gaugeFunc, count countFunc) {
	open := map[string]float64{}
	for _, i := range c.d.book.Incidents() {
		if i.Open() {
			open[i.Rule]++
		}
	}
	for rule, n := range open {
		gauge(descIncidents, n, rule)
	}
	n := c.d.book.Counts()
	count(descFired, n.Fired)
	count(descResolved, n.Resolved)
	count(descHeld, n.Held)
	for result, v := range map[string]uint64{
		"delivered": n.Delivered, "retried": n.Retried, "limited": n.Limited, "refused": n.Refused,
		"digest": n.Digests, "fell_over": n.FellOver, "given_up": n.GaveUp, "may_repeat": n.MayHaveTwice,
	} {
		count(descMessages, v, result)
	}
	waiting, oldest := map[string]float64{}, time.Duration(0)
	for _, e := range c.d.book.Outbox() {
		waiting[e.Receiver]++
		oldest = max(oldest, time.Since(e.Created))
	}
	holds := c.d.book.Holds(time.Now())
	for _, r := range c.d.currentConfig().Receivers {
		broken := 0.0
		if holds[r.Name].Broken {
			broken = 1
		}
		gauge(descBroken, broken, r.Name)
		gauge(descOutbox, waiting[r.Name], r.Name)
	}
	gauge(descOldest, oldest.Seconds())
	writable := 1.0
	if c.d.book.Err() != nil {
		writable = 0
	}
	gauge(descStateOK, writable)
}

func (d *daemon) registry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collector{d}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}
