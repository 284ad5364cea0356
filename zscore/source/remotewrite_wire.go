package source

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
)

// decodeV1 reads a prometheus.WriteRequest.
func (w *writeHandler) decodeV1(body []byte) ([]Sample, error) {
	var req prompb.WriteRequest
	if err := req.Unmarshal(body); err != nil {
		return nil, err
	}
	for _, m := range req.Metadata {
		w.types.learn(m.MetricFamilyName, typeOf(model.MetricType(strings.ToLower(m.Type.String()))))
	}
	samples := make([]Sample, 0, len(req.Timeseries))
	var scratch []Label
	for i := range req.Timeseries {
		ts := &req.Timeseries[i]
		scratch = scratch[:0]
		for _, l := range ts.Labels {
			scratch = append(scratch, Label{l.Name, l.Value})
		}
		labels := NewLabels(scratch...)
		at := len(samples)
		typ := w.types.of(labels.Name())
		for _, s := range ts.Samples {
			samples = append(samples, float(labels, s.Timestamp, s.Value, typ))
		}
		for i := range ts.Histograms {
			h := &ts.Histograms[i]
			samples = append(samples, native(labels, h.Timestamp, h.ToFloatHistogram(), h.ResetHint == prompb.Histogram_GAUGE))
		}
		for _, e := range ts.Exemplars {
			scratch = scratch[:0]
			for _, l := range e.Labels {
				scratch = append(scratch, Label{l.Name, l.Value})
			}
			attach(samples[at:], newExemplar(NewLabels(scratch...), e.Value, e.Timestamp))
		}
	}
	return samples, nil
}

var errSymbol = errors.New("a label refers to a symbol that is not there")

// decodeV2 reads an io.prometheus.write.v2.Request.
func decodeV2(body []byte) ([]Sample, error) {
	var req writev2.Request
	if err := req.Unmarshal(body); err != nil {
		return nil, err
	}
	samples := make([]Sample, 0, len(req.Timeseries))
	var scratch []Label
	var err error
	for i := range req.Timeseries {
		ts := &req.Timeseries[i]
		if scratch, err = symbols(scratch[:0], ts.LabelsRefs, req.Symbols); err != nil {
			return nil, fmt.Errorf("series %d: %w", i+1, err)
		}
		labels, at := NewLabels(scratch...), len(samples)
		name, _ := strings.CutPrefix(ts.Metadata.Type.String(), "METRIC_TYPE_")
		typ := typeOf(model.MetricType(strings.ToLower(name)))
		for _, s := range ts.Samples {
			one := float(labels, s.Timestamp, s.Value, typ)
			one.Start = millis(s.StartTimestamp)
			samples = append(samples, one)
		}
		for i := range ts.Histograms {
			h := &ts.Histograms[i]
			one := native(labels, h.Timestamp, h.ToFloatHistogram(), h.ResetHint == writev2.Histogram_RESET_HINT_GAUGE)
			one.Start = millis(h.StartTimestamp)
			samples = append(samples, one)
		}
		for _, e := range ts.Exemplars {
			if scratch, err = symbols(scratch[:0], e.LabelsRefs, req.Symbols); err != nil {
				return nil, fmt.Errorf("an exemplar of series %d: %w", i+1, err)
			}
			attach(samples[at:], newExemplar(NewLabels(scratch...), e.Value, e.Timestamp))
		}
	}
	return samples, nil
}

func symbols(to []Label, refs []uint32, table []string) ([]Label, error) {
	if len(refs)%2 != 0 {
		return nil, errSymbol
	}
	for i := 0; i < len(refs); i += 2 {
		if int(refs[i]) >= len(table) || int(refs[i+1]) >= len(table) {
			return nil, errSymbol
		}
		to = append(to, Label{table[refs[i]], table[refs[i+1]]})
	}
	return to, nil
}

// typeOf takes what Prometheus says of a whole metric for the type of its float
// samples: those of a histogram are its counters, those of a summary are mixed.
func typeOf(t model.MetricType) Type {
	switch t {
	case model.MetricTypeCounter, model.MetricTypeHistogram:
		return Counter
	case model.MetricTypeGauge, model.MetricTypeGaugeHistogram, model.MetricTypeInfo, model.MetricTypeStateset:
		return Gauge
	}
	return Unknown
}

// metadata is the types of metrics, which protocol 1.0 sends now and then.
type metadata struct {
	mu    sync.RWMutex
	types map[string]Type
}

// maxMetadata bounds the names that are kept.
const maxMetadata = 50_000

func (m *metadata) learn(name string, t Type) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.types[name]; known || len(m.types) < maxMetadata {
		m.types[strings.Clone(name)] = t
	}
}

// of finds the type of a series by its metric's name or that of its family.
func (m *metadata) of(name string) Type {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if t, ok := m.types[name]; ok {
		return t
	}
	for _, end := range []string{"_bucket", "_sum", "_count", "_total"} {
		if family, ok := strings.CutSuffix(name, end); ok {
			return m.types[family]
		}
	}
	return Unknown
}

// millis is a time in Prometheus' milliseconds, 0 being no time.
func millis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

func float(l Labels, ms int64, v float64, t Type) Sample {
	return Sample{Labels: l, Time: time.UnixMilli(ms), Value: v, Stale: value.IsStaleNaN(v), Type: t}
}

// native makes a sample of a native histogram, or of a classic one sent as such.
func native(l Labels, ms int64, h *histogram.FloatHistogram, gauge bool) Sample {
	s := Sample{Labels: l, Time: time.UnixMilli(ms), Value: math.NaN(), Type: Counter}
	if gauge {
		s.Type = Gauge
	}
	if h == nil || value.IsStaleNaN(h.Sum) || h.Validate() != nil {
		s.Stale = true // without buckets that make sense there is no reading
		return s
	}
	out := &Histogram{Count: h.Count, Sum: h.Sum, Exponential: !histogram.IsCustomBucketsSchema(h.Schema)}
	for it := h.AllBucketIterator(); it.Next(); {
		b := it.At()
		out.Buckets = append(out.Buckets, Bucket{b.Lower, b.Upper, b.Count})
	}
	s.Histogram = out
	return s
}

// newExemplar takes the labels that name a trace from the others.
func newExemplar(l Labels, v float64, ms int64) Exemplar {
	e := Exemplar{Value: v, Time: millis(ms)}
	var names []string
	for name, value := range l.All() {
		switch strings.ToLower(strings.ReplaceAll(name, "_", "")) {
		case "traceid":
			e.TraceID = strings.ToLower(value)
		case "spanid":
			e.SpanID = strings.ToLower(value)
		default:
			continue
		}
		names = append(names, name)
	}
	e.Labels = l.Without(names...)
	return e
}

// attach gives an exemplar to the last sample of its series.
func attach(samples []Sample, e Exemplar) {
	if n := len(samples); n > 0 {
		samples[n-1].Exemplars = append(samples[n-1].Exemplars, e)
	}
}
