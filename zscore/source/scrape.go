package source

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Scrape is an [Input] that reads one /metrics page again and again.
type Scrape struct {
	// URL is the page's; without a scheme it is http, and without a path /metrics.
	// A password in it appears in no message.
	URL string
	// Interval is how often it is read, 15 s if it is 0, and Timeout how long one
	// reading may take, at most and by default the interval.
	Interval, Timeout time.Duration
	// Labels are added to every series. Without them it is instance, the host and
	// port.
	Labels []Label
	// Client asks; nil is http.DefaultClient.
	Client *http.Client
}

// maxPage bounds a page, once uncompressed.
const maxPage = 64 << 20

// accept asks for the richest format that we read first.
const accept = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7," +
	"application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"

const defaultInterval = 15 * time.Second

// Name implements [Input].
func (s *Scrape) Name() string {
	u, err := s.target()
	if err != nil {
		return "scrape of a URL that is none"
	}
	return "scrape " + u.Redacted()
}

// Check reports what is wrong with the URL or the times, or nil.
func (s *Scrape) Check() error {
	if s.Interval < 0 || s.Timeout < 0 {
		return fmt.Errorf("scrape interval %v, timeout %v: durations are not negative", s.Interval, s.Timeout)
	}
	_, err := s.target()
	return err
}

func (s *Scrape) target() (*url.URL, error) {
	text := s.URL
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("a scrape's URL is not one: want http://host:port/metrics") // it may hold a password
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, fmt.Errorf("scrape %s: want http://host:port/metrics", u.Redacted())
	}
	if u.Path == "" {
		u.Path = "/metrics"
	}
	return u, nil
}

// Run implements [Input]. A page that cannot be read is a [Batch.Err], and a
// series that is on it no more is stale.
func (s *Scrape) Run(ctx context.Context, sink Sink) error {
	u, err := s.target()
	if err != nil {
		return err
	}
	if err := s.Check(); err != nil {
		return err
	}
	r := scrapeRun{Scrape: *s, url: u, name: s.Name()}
	if r.Interval == 0 {
		r.Interval = defaultInterval
	}
	if r.Timeout == 0 || r.Timeout > r.Interval {
		r.Timeout = r.Interval
	}
	if len(r.Labels) == 0 {
		r.Labels = []Label{{"instance", instance(u)}}
	}
	if r.Client == nil {
		r.Client = http.DefaultClient
	}
	return every(ctx, r.Interval, func(at time.Time) { r.once(ctx, at, sink) })
}

func instance(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// every calls f now and at each interval until ctx is done.
func every(ctx context.Context, interval time.Duration, f func(at time.Time)) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	at := time.Now()
	for {
		f(at)
		select {
		case at = <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

type scrapeRun struct {
	Scrape
	url  *url.URL
	name string
	turn uint64
	seen map[Labels]uint64 // the turn that a series was last on the page
}

func (r *scrapeRun) once(ctx context.Context, at time.Time, sink Sink) {
	samples, err := r.read(ctx, at)
	if ctx.Err() != nil {
		return
	}
	if err == nil {
		samples = r.markStale(samples, at)
	}
	// A sink that cannot take it counts that itself: there is nobody to send again.
	_ = sink(ctx, Batch{Input: r.name, Samples: samples, Err: err})
}

func (r *scrapeRun) read(ctx context.Context, at time.Time) ([]Sample, error) {
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url.String(), http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be asked for", r.name)
	}
	req.Header.Set("Accept", accept)
	req.Header.Set("User-Agent", "spikewatch")
	req.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", fmt.Sprintf("%.3f", r.Timeout.Seconds()))
	resp, err := r.Client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.name, cause(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: answered %s", r.name, resp.Status)
	}
	page, err := io.ReadAll(io.LimitReader(resp.Body, maxPage+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: read the page: %w", r.name, err)
	case len(page) > maxPage:
		return nil, fmt.Errorf("%s: the page is larger than %d bytes", r.name, maxPage)
	}
	samples, err := ParseMetrics(page, resp.Header.Get("Content-Type"), at, r.Labels...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.name, err)
	}
	return samples, nil
}

// markStale ends the series that were on the page the turn before.
func (r *scrapeRun) markStale(samples []Sample, at time.Time) []Sample {
	r.turn++
	if r.seen == nil {
		r.seen = map[Labels]uint64{}
	}
	for i := range samples {
		r.seen[samples[i].Labels] = r.turn
	}
	for l, turn := range r.seen {
		if turn != r.turn {
			delete(r.seen, l)
			samples = append(samples, Sample{Labels: l, Time: at, Value: none, Stale: true})
		}
	}
	return samples
}
