package daemon

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/clewhq/clew/internal/listen"
	"github.com/clewhq/clew/zscore/alert"
)

const (
	// pageSeries is how many series the page shows, and apiSeries the API at most.
	pageSeries = 50
	apiSeries  = 100_000
	closeTime  = 5 * time.Second
	// apiVersion is raised when a member of an answer changes its meaning.
	apiVersion = 1
)

//go:embed static/page.css static/page.js
var static embed.FS

//go:embed static/page.gohtml
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"number": func(n alert.Number) string {
		if !n.Known() {
			return "–"
		}
		return n.String()
	},
	"ago": func(t time.Time) string {
		if t.IsZero() {
			return "never"
		}
		return time.Since(t).Round(time.Second).String()
	},
}).Parse(pageText))

type server struct {
	addr   string
	http   *http.Server
	served chan error
	retire func() error
}

// serve serves the page and the API until it is closed.
func (d *daemon) serve(addr string) (*server, error) {
	l, err := listen.TCP(addr, false)
	if err != nil {
		return nil, fmt.Errorf("listen for the page: %w", err)
	}
	dir, token := d.config.State.Dir, rand.Text()
	if err := publish(dir, control{l.Addr().String(), token}); err != nil {
		d.Log.Error("the programs of an operator will not find the daemon", "error", err)
	}
	retire := func() error { return publish(dir, control{}) }
	s := &server{addr: l.Addr().String(), served: make(chan error, 1), retire: retire, http: &http.Server{
		Handler: d.handler(token), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(d.Log.Handler(), slog.LevelWarn),
	}}
	go func() { s.served <- s.http.Serve(l) }()
	return s, nil
}

func (s *server) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		_ = s.http.Close() // a browser held on to its connection
	}
	if err := <-s.served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return s.retire()
}

func (d *daemon) handler(token string) http.Handler {
	mux := http.NewServeMux()
	guarded := http.NewServeMux()
	guarded.HandleFunc("GET /{$}", d.page)
	guarded.Handle("GET /static/", http.FileServerFS(static))
	d.api(guarded, token)
	mux.Handle("/", d.guard(guarded))
	// Other machines ask for these by whatever name they know this one by.
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", d.readyz)
	mux.Handle("GET /metrics", promhttp.HandlerFor(d.registry(), promhttp.HandlerOpts{}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; img-src data:; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache")
		mux.ServeHTTP(w, r)
	})
}

// guard lets through what readers of the page ask for, under the name by which the
// configuration says that they reach it.
func (d *daemon) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var hosts []string
		if u, err := url.Parse(d.currentConfig().Page); err == nil && u.Host != "" {
			hosts = append(hosts, u.Hostname())
		}
		if err := listen.CheckPage(r, hosts); err != nil {
			http.Error(w, err.Error()+"; page in the configuration adds a name", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (d *daemon) readyz(w http.ResponseWriter, _ *http.Request) {
	d.mu.Lock()
	ready := d.ready
	d.mu.Unlock()
	if !ready {
		http.Error(w, "starting", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

// pageData is what the page shows.
type pageData struct {
	Open, Ended []alert.Incident
	Series      []SeriesView
	Total       int
	Silences    []alert.Silence
	Outbox      []alert.Entry
	Holds       map[string]alert.Hold
	Inputs      []InputView
	Rules       int
	Note        string
	StateErr    error
	Since       time.Time
	Now         time.Time
	Zone        *time.Location
	ChartWidth  int
	ChartHeight int
}

// At writes a time in the zone of the configuration.
func (p *pageData) At(t time.Time) string { return t.In(p.Zone).Format("Jan 2 15:04:05 MST") }

func (d *daemon) page(w http.ResponseWriter, _ *http.Request) {
	c := d.currentConfig()
	p := &pageData{
		Silences: []alert.Silence{}, Outbox: d.book.Outbox(), Holds: d.book.Holds(time.Now()), Inputs: d.watcher.inputViews(),
		Rules: len(c.Rules), StateErr: d.book.Err(), Since: d.started, Now: time.Now(), Zone: c.Zone,
		ChartWidth: chartWidth, ChartHeight: chartHeight,
	}
	p.Series, p.Total = d.watcher.views(pageSeries)
	for _, i := range d.book.Incidents() {
		switch {
		case i.Open():
			p.Open = append(p.Open, i)
		case len(p.Ended) < 20:
			p.Ended = append(p.Ended, i)
		}
	}
	for _, s := range d.book.Silences() {
		if s.To.After(p.Now) {
			p.Silences = append(p.Silences, s)
		}
	}
	d.mu.Lock()
	p.Note = d.note
	d.mu.Unlock()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := pageTemplate.Execute(w, p); err != nil {
		d.Log.Debug("page not written", "error", err) // the reader has gone
	}
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(v) // the asker may have gone
}
