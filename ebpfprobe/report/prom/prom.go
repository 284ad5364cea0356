// Package prom offers reports to Prometheus.
package prom

import (
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"github.com/clewhq/clew/ebpfprobe/report"
)

var serverLabels = []string{"server", "port", "pid"}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("redisprobe_"+name, help, labels, nil)
}

func ofServer(name, help string, labels ...string) *prometheus.Desc {
	return desc(name, help, append(slices.Clip(serverLabels), labels...)...)
}

var (
	requests  = ofServer("requests_total", "Requests read from sockets.", "command")
	failures  = ofServer("request_errors_total", "Requests that were answered by an error.", "command")
	wait      = ofServer("wait_seconds", "Time from the arrival of a request in the socket to its reading by the event loop.", "command")
	service   = ofServer("service_seconds", "Time from the reading of a request to the write of its reply.", "command")
	parts     = ofServer("service_part_seconds", "A part of service_seconds.", "command", "part")
	batch     = ofServer("batch_requests", "Requests that were read together.")
	blamed    = ofServer("blamed_requests_total", "Requests that waited, by what held the event loop.", "cause", "by")
	blamedFor = ofServer("blamed_wait_seconds_total", "Time that requests waited, by what held the event loop.", "cause", "by")
	lost      = desc("events_lost_total", "Events that the kernel could not hand over.")
	tier      = desc("tier", "1 for the state that a tier of measuring is in.", "tier", "state")
)

// Collector is a [prometheus.Collector] of the newest report. The names of
// commands that it makes labels of are bounded by [report.Names].
type Collector struct {
	newest func() (*report.Report, error)
	names  report.Names
}

// NewCollector returns a collector that asks newest for the cumulative report at
// every scrape, from several goroutines if need be.
func NewCollector(newest func() (*report.Report, error)) *Collector {
	return &Collector{newest: newest}
}

// Describe sends nothing: which metrics there are depends on the tiers.
func (*Collector) Describe(chan<- *prometheus.Desc) {}

// Collect sends the metrics of the newest report. A report that is not to be had
// fails the scrape.
func (c *Collector) Collect(to chan<- prometheus.Metric) {
	r, err := c.newest()
	if err != nil {
		to <- prometheus.NewInvalidMetric(requests, err)
		return
	}
	to <- prometheus.MustNewConstMetric(lost, prometheus.CounterValue, float64(r.LostEvents))
	for i := range r.Tiers {
		to <- prometheus.MustNewConstMetric(tier, prometheus.GaugeValue, 1, r.Tiers[i].Name, string(r.Tiers[i].State))
	}
	for i := range r.Servers {
		c.server(to, &r.Servers[i])
	}
}

func (c *Collector) server(to chan<- prometheus.Metric, s *report.Server) {
	labels := []string{serverName(s.Name), strconv.Itoa(s.Port), strconv.Itoa(s.PID)}
	with := func(more ...string) []string { return append(slices.Clip(labels), more...) }
	count := func(d *prometheus.Desc, n float64, more ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, n, with(more...)...)
	}
	commands := c.names.Commands(s.Commands)
	for i := range commands {
		cmd := &commands[i]
		count(requests, float64(cmd.Count), cmd.Name)
		count(failures, float64(cmd.Errors), cmd.Name)
		to <- seconds(wait, &cmd.Phases.Wait, with(cmd.Name))
		to <- exemplar(seconds(service, &cmd.Phases.Service, with(cmd.Name)), s.Slow, cmd.Name)
		for name, d := range cmd.Phases.All() {
			if name != "wait" && name != "service" {
				to <- seconds(parts, d, with(cmd.Name, name))
			}
		}
	}
	to <- sizes(&s.Batches.Sizes, labels)
	for label, b := range c.names.Blame(s.Blame) {
		count(blamed, float64(b.Waited), string(label.Cause), label.By)
		count(blamedFor, float64(b.WaitNS)/1e9, string(label.Cause), label.By)
	}
}

// serverName is a process name that is fit for a label.
func serverName(name string) string {
	for _, c := range []byte(name) {
		if c < ' ' || c > '~' {
			return "other"
		}
	}
	return name
}

func seconds(d *prometheus.Desc, times *report.Durations, labels []string) prometheus.Metric {
	bounds, below := times.Powers()
	buckets := make(map[float64]uint64, len(bounds))
	for i, b := range bounds {
		buckets[float64(b)/1e9] = below[i]
	}
	return prometheus.MustNewConstHistogram(d, times.Count, float64(times.Sum)/1e9, buckets, labels...)
}

// sizes has bounds at 1, 2, 4 and so on, each inclusive.
func sizes(h *report.Histogram, labels []string) prometheus.Metric {
	buckets := map[float64]uint64{}
	var seen uint64
	i := 0
	for bound := uint64(1); bound <= 1024; bound *= 2 {
		for ; i < len(h.Counts) && report.BucketFrom(i) <= bound; i++ {
			seen += h.Counts[i]
		}
		buckets[float64(bound)] = seen
	}
	return prometheus.MustNewConstHistogram(batch, h.Count, float64(h.Sum), buckets, labels...)
}

// exemplar ties the newest traced slow batch of the command to its histogram.
func exemplar(m prometheus.Metric, slow []report.Slow, name string) prometheus.Metric {
	for i := len(slow) - 1; i >= 0; i-- {
		s := &slow[i]
		if s.Name != name || s.TraceID == "" {
			continue
		}
		labels := prometheus.Labels{"trace_id": s.TraceID}
		if s.SpanID != "" {
			labels["span_id"] = s.SpanID
		}
		with, err := prometheus.NewMetricWithExemplars(m, prometheus.Exemplar{Value: float64(s.ServiceNS) / 1e9, Labels: labels, Timestamp: s.At})
		if err != nil { // an id that is no text: the metric is good without
			return m
		}
		return with
	}
	return m
}

// Write writes the report in Prometheus's text format.
func Write(w io.Writer, r *report.Report) error {
	registry := prometheus.NewRegistry()
	if err := registry.Register(NewCollector(func() (*report.Report, error) { return r, nil })); err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	families, err := registry.Gather()
	if err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(w, f); err != nil {
			return fmt.Errorf("write metrics: %w", err)
		}
	}
	return nil
}
