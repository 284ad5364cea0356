package source_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/clewhq/clew/internal/peertest"
	"github.com/clewhq/clew/zscore/source"
)

// first waits for the first sample that a test wants.
type first struct {
	want func(source.Sample) bool
	got  chan source.Sample
	mu   sync.Mutex
	last string // what came instead
}

func waitFor(want func(source.Sample) bool) *first {
	return &first{want: want, got: make(chan source.Sample, 1)}
}

func (f *first) sink(_ context.Context, b source.Batch) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if b.Err != nil {
		f.last = b.Err.Error()
	}
	for _, s := range b.Samples {
		if f.want(s) {
			select {
			case f.got <- s:
			default:
			}
			return nil
		}
		f.last = s.Labels.String()
	}
	return nil
}

// run runs an input until the sample has come, and returns it.
func (f *first) run(t *testing.T, in source.Input) source.Sample {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx, f.sink) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("%s: %v", in.Name(), err)
		}
	}()
	select {
	case s := <-f.got:
		return s
	case <-ctx.Done():
		f.mu.Lock()
		defer f.mu.Unlock()
		t.Fatalf("%s: nothing that was wanted came; the last was %s", in.Name(), f.last)
		return source.Sample{}
	}
}

// freePort finds a port that is free now.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return addr
}

// startPrometheus starts one that scrapes itself each second and writes what it
// has to writeTo, and returns its address.
func startPrometheus(t *testing.T, writeTo string) string {
	t.Helper()
	binary := peertest.Need(t, "prometheus")
	dir, addr := t.TempDir(), freePort(t)
	config := fmt.Sprintf(`
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: self
    static_configs: [{targets: [%q]}]
remote_write:
  - url: http://%s/api/v1/write
    queue_config: {batch_send_deadline: 500ms, min_backoff: 100ms}
`, addr, writeTo)
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+addr)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // its data goes with the directory
		_ = cmd.Wait()
		_ = out.Close()
		if t.Failed() {
			log, err := os.ReadFile(out.Name())
			t.Logf("prometheus said (%v):\n%s", err, log)
		}
	})
	return addr
}

// TestPrometheus takes samples from a real one in each of the three ways.
func TestPrometheus(t *testing.T) {
	peertest.Need(t, "prometheus")
	writeTo := freePort(t)
	addr := startPrometheus(t, writeTo)
	want := func(name string) *first {
		return waitFor(func(s source.Sample) bool { return s.Labels.Name() == name })
	}
	t.Run("remote write", func(t *testing.T) {
		up := waitFor(func(s source.Sample) bool { return s.Labels.Name() == "up" && s.Value == 1 })
		s := up.run(t, &source.RemoteWrite{Addr: writeTo})
		if s.Labels.Get("job") != "self" || s.Labels.Get("instance") != addr || time.Since(s.Time).Abs() > 10*time.Minute {
			t.Errorf("up is %v at %v", s.Labels, s.Time)
		}
	})
	t.Run("scrape", func(t *testing.T) {
		s := want("prometheus_http_requests_total").run(t, &source.Scrape{URL: addr, Interval: time.Second})
		if s.Type != source.Counter || s.Labels.Get("instance") != addr || s.Labels.Get("handler") == "" || !(s.Value >= 0) {
			t.Errorf("a counter of its page is %v %v %v", s.Labels, s.Type, s.Value)
		}
	})
	t.Run("query", func(t *testing.T) {
		p := &source.Prometheus{URL: "http://" + addr, Step: time.Second, Queries: map[string]string{
			"alive": `sum by (job) (up)`, "wrong": "sum(",
		}}
		s := want("alive").run(t, p)
		if s.Value != 1 || s.Labels.Get("job") != "self" || s.Type != source.Gauge {
			t.Errorf("the answer is %v %v", s.Labels, s.Value)
		}
		n := 0
		for samples, err := range p.Range(t.Context(), "alive", time.Now().Add(-time.Minute), time.Now()) {
			if err != nil {
				t.Fatal(err)
			}
			n += len(samples)
		}
		if n == 0 {
			t.Error("the last minute is empty")
		}
		for _, err := range p.Range(t.Context(), "wrong", time.Now().Add(-time.Minute), time.Now()) {
			if err == nil {
				t.Error("a query that is none is answered")
			}
		}
	})
}
