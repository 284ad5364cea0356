package source

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

// Prometheus is an [Input] that asks a Prometheus, or whoever answers its query
// API, the same questions again and again.
type Prometheus struct {
	// URL is the server's, such as http://prom:9090. A password in it appears in no
	// message.
	URL string
	// Queries are in PromQL, by the name that the series of the answer get. The
	// answers are taken as they are: a counter is asked for with rate().
	Queries map[string]string
	// Step is how often they are asked, 15 s if it is 0.
	Step time.Duration
	// History is how far back the first question goes, so that a baseline is there
	// from the beginning; 0 is not at all.
	History time.Duration
	// Client asks; nil is http.DefaultClient.
	Client *http.Client
}

// maxRangePoints is how many points one range query asks for; Prometheus refuses
// more than 11,000.
const maxRangePoints = 10_000

// Name implements [Input].
func (p *Prometheus) Name() string {
	u, err := url.Parse(p.URL)
	if err != nil {
		return "prometheus at a URL that is none"
	}
	return "prometheus " + u.Redacted()
}

// Check reports what is wrong with the URL or the times, or nil. The queries are
// the server's to judge.
func (p *Prometheus) Check() error {
	_, err := p.api()
	if p.Step < 0 || p.History < 0 {
		err = errors.Join(err, fmt.Errorf("step %v, history %v: durations are not negative", p.Step, p.History))
	}
	return err
}

func (p *Prometheus) api() (promv1.API, error) {
	u, err := url.Parse(p.URL)
	switch {
	case err != nil:
		return nil, errors.New("the URL of a Prometheus is not one: want http://host:9090") // it may hold a password
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, fmt.Errorf("prometheus %s: want http://host:9090", u.Redacted())
	}
	client := p.Client
	if client == nil {
		client = http.DefaultClient
	}
	c, err := api.NewClient(api.Config{Address: p.URL, Client: client})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Name(), cause(err))
	}
	return promv1.NewAPI(c), nil
}

func (p *Prometheus) step() time.Duration {
	if p.Step == 0 {
		return defaultInterval
	}
	return p.Step
}

// Run implements [Input]. A query that fails is a [Batch.Err]; the others are
// taken.
func (p *Prometheus) Run(ctx context.Context, sink Sink) error {
	if err := p.Check(); err != nil {
		return err
	}
	server, err := p.api()
	if err != nil {
		return err
	}
	if p.History > 0 {
		p.bringHistory(ctx, sink)
	}
	return every(ctx, p.step(), func(at time.Time) {
		samples, err := p.ask(ctx, server, at)
		if ctx.Err() == nil {
			// A sink that cannot take it counts that itself: there is nobody to send again.
			_ = sink(ctx, Batch{Input: p.Name(), Samples: samples, Err: err})
		}
	})
}

func (p *Prometheus) bringHistory(ctx context.Context, sink Sink) {
	to := time.Now().Truncate(p.step()).Add(-p.step())
	for _, name := range slices.Sorted(maps.Keys(p.Queries)) {
		for samples, err := range p.Range(ctx, name, to.Add(-p.History), to) {
			if ctx.Err() != nil {
				return
			}
			_ = sink(ctx, Batch{Input: p.Name(), Samples: samples, Err: err}) // as above
		}
	}
}

// ask takes all answers at one time.
func (p *Prometheus) ask(ctx context.Context, server promv1.API, at time.Time) ([]Sample, error) {
	ctx, cancel := context.WithTimeout(ctx, max(p.step(), time.Second))
	defer cancel()
	var samples []Sample
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(p.Queries)) {
		v, _, err := server.Query(ctx, p.Queries[name], at)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: query %s: %w", p.Name(), name, cause(err)))
			continue
		}
		switch v := v.(type) {
		case model.Vector:
			for _, one := range v {
				s := answer(name, one.Metric, one.Timestamp, one.Value)
				if h := one.Histogram; h != nil {
					s.Value, s.Histogram = none, answerHistogram(h)
				}
				samples = append(samples, s)
			}
		case *model.Scalar:
			samples = append(samples, answer(name, nil, v.Timestamp, v.Value))
		default:
			errs = append(errs, fmt.Errorf("%s: query %s: it answers with a %s: want an instant vector or a scalar", p.Name(), name, v.Type()))
		}
	}
	return samples, errors.Join(errs...)
}

// Range asks the query of this name for all of a stretch of time and yields its
// samples, those of one series together and in the order of time, in stretches
// that the server answers at once. The first error is the last thing yielded.
func (p *Prometheus) Range(ctx context.Context, name string, from, to time.Time) iter.Seq2[[]Sample, error] {
	return func(yield func([]Sample, error) bool) {
		server, err := p.api()
		if err != nil {
			yield(nil, err)
			return
		}
		step := p.step()
		for at := from; !at.After(to); at = at.Add(maxRangePoints * step) {
			end := at.Add((maxRangePoints - 1) * step)
			if end.After(to) {
				end = to
			}
			v, _, err := server.QueryRange(ctx, p.Queries[name], promv1.Range{Start: at, End: end, Step: step})
			if err != nil {
				yield(nil, fmt.Errorf("%s: query %s from %s: %w", p.Name(), name, at.Format(time.RFC3339), cause(err)))
				return
			}
			matrix, ok := v.(model.Matrix)
			if !ok {
				yield(nil, fmt.Errorf("%s: query %s: it answers with a %s: want a range of values", p.Name(), name, v.Type()))
				return
			}
			if !yield(ofMatrix(name, matrix), nil) {
				return
			}
		}
	}
}

func ofMatrix(name string, matrix model.Matrix) []Sample {
	var samples []Sample
	for _, series := range matrix {
		for _, v := range series.Values {
			samples = append(samples, answer(name, series.Metric, v.Timestamp, v.Value))
		}
		for _, v := range series.Histograms {
			s := answer(name, series.Metric, v.Timestamp, 0)
			s.Value, s.Histogram = none, answerHistogram(v.Histogram)
			samples = append(samples, s)
		}
	}
	return samples
}

func answer(name string, m model.Metric, at model.Time, v model.SampleValue) Sample {
	ls := make([]Label, 0, len(m)+1)
	for n, value := range m {
		ls = append(ls, Label{string(n), string(value)})
	}
	// Appended last, the query's name counts.
	return Sample{Labels: NewLabels(append(ls, Label{NameLabel, name})...), Time: at.Time(), Value: float64(v), Type: Gauge}
}

func answerHistogram(h *model.SampleHistogram) *Histogram {
	out := &Histogram{Count: float64(h.Count), Sum: float64(h.Sum), Exponential: true}
	for _, b := range h.Buckets {
		out.Buckets = append(out.Buckets, Bucket{float64(b.Lower), float64(b.Upper), float64(b.Count)})
	}
	return out
}

// cause is what is wrong without the URL, which may hold a password.
func cause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
