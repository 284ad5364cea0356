package source

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

// ParseMetrics reads what a /metrics page says, in Prometheus' text format, in
// OpenMetrics or in protobuf, as its content type has it; an unknown one is taken
// for text. Samples without a time of their own are of at. The target's labels
// are added to each; one of the page's own that has the same name keeps its value
// as exported_name.
func ParseMetrics(page []byte, contentType string, at time.Time, target ...Label) ([]Sample, error) {
	p, err := textparse.New(page, contentType, labels.NewSymbolTable(), textparse.ParserOptions{
		FallbackContentType: "text/plain", OpenMetricsSkipSTSeries: true,
	})
	if p == nil {
		return nil, fmt.Errorf("content type %.100q: %w", contentType, err)
	}
	var samples []Sample
	var of family
	for {
		entry, err := p.Next()
		switch {
		case errors.Is(err, io.EOF):
			return samples, nil
		case err != nil:
			return nil, fmt.Errorf("after %d samples: %w", len(samples), err)
		}
		switch entry {
		case textparse.EntryType:
			name, t := p.Type()
			of = family{string(name), t}
		case textparse.EntrySeries:
			_, ms, v := p.Series()
			l := pageLabels(p, target)
			samples = append(samples, annotate(p, float(l, timeOr(ms, at), v, of.seriesType(l))))
		case textparse.EntryHistogram:
			_, ms, h, fh := p.Histogram()
			if h != nil {
				fh = h.ToFloat(nil)
			}
			gauge := of.typ == model.MetricTypeGaugeHistogram
			samples = append(samples, annotate(p, native(pageLabels(p, target), timeOr(ms, at), fh, gauge)))
		}
	}
}

// annotate adds what else the page says of a sample.
func annotate(p textparse.Parser, s Sample) Sample {
	s.Start = millis(p.StartTimestamp())
	for e := (exemplar.Exemplar{}); p.Exemplar(&e); e = (exemplar.Exemplar{}) {
		var ls []Label
		e.Labels.Range(func(l labels.Label) { ls = append(ls, Label{strings.Clone(l.Name), strings.Clone(l.Value)}) })
		ms := int64(0)
		if e.HasTs {
			ms = e.Ts
		}
		s.Exemplars = append(s.Exemplars, newExemplar(NewLabels(ls...), e.Value, ms))
		if len(s.Exemplars) == maxExemplars {
			break
		}
	}
	return s
}

// maxExemplars is how many are kept of one sample.
const maxExemplars = 10

func timeOr(ms *int64, at time.Time) int64 {
	if ms != nil {
		return *ms
	}
	return at.UnixMilli()
}

func pageLabels(p textparse.Parser, target []Label) Labels {
	var own labels.Labels
	p.Labels(&own)
	ls := make([]Label, 0, 16)
	own.Range(func(l labels.Label) {
		name := l.Name
		for _, t := range target {
			if t.Name == name {
				name = "exported_" + name
			}
		}
		ls = append(ls, Label{name, l.Value})
	})
	return NewLabels(append(ls, target...)...)
}

// family is the metric that the page speaks of.
type family struct {
	name string
	typ  model.MetricType
}

// seriesType is what one series is. One that is not of the family comes without
// a type.
func (f family) seriesType(l Labels) Type {
	end, ok := strings.CutPrefix(l.Name(), f.name)
	switch {
	case !ok || f.name == "":
		return Unknown
	case end != "" && !slices.Contains([]string{"_total", "_bucket", "_sum", "_count", "_info"}, end):
		return Unknown
	case f.typ == model.MetricTypeSummary && end == "":
		return Gauge // a quantile
	case f.typ == model.MetricTypeSummary:
		return Counter
	}
	return typeOf(f.typ)
}
