package profile

import (
	"bytes"
	"maps"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/grafana/pyroscope-go/upstream"
	"github.com/grafana/pyroscope-go/upstream/remote"
)

// collector takes the profiles of one window after another and hands them to pyroscope-go's client.
type collector struct {
	cfg         Config
	name        string
	upstream    *remote.Remote
	sources     []source
	quit, ended chan struct{}

	mu      sync.Mutex // held while a window ends
	began   time.Time
	skipped uint64 // windows without a CPU profile
	cpu     cpu
}

func startCollector(cfg Config, d *delivery) (*collector, error) {
	up, err := remote.NewRemote(remote.Config{
		BasicAuthUser: cfg.User, BasicAuthPassword: cfg.Password, TenantID: cfg.Tenant, Threads: 1,
		Address: cfg.Server, Logger: logger{cfg.Logger}, HTTPClient: d,
	})
	if err != nil {
		return nil, err
	}
	up.Start()
	c := &collector{
		cfg: cfg, name: nameOf(cfg), upstream: up, sources: sources(cfg),
		quit: make(chan struct{}), ended: make(chan struct{}), began: time.Now(),
	}
	for _, s := range c.sources {
		s.first()
	}
	c.mu.Lock()
	c.startCPU()
	c.mu.Unlock()
	go c.run()
	return c, nil
}

// nameOf is the name in Pyroscope's ingestion protocol: service{tag=value,…}.
func nameOf(cfg Config) string {
	var tags []string
	for _, k := range slices.Sorted(maps.Keys(cfg.Tags)) {
		tags = append(tags, k+"="+cfg.Tags[k])
	}
	return cfg.Service + "{" + strings.Join(tags, ",") + "}"
}

func (c *collector) run() {
	defer close(c.ended)
	tick := time.NewTicker(c.cfg.Window)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			c.mu.Lock()
			c.endWindow()
			c.startCPU()
			c.mu.Unlock()
		case <-c.quit:
			return
		}
	}
}

// endWindow sends the profiles of the window.
func (c *collector) endWindow() {
	c.endCPU()
	now := time.Now()
	for _, s := range c.sources {
		var buf bytes.Buffer
		if err := s.take(&buf); err != nil {
			c.cfg.Logger.Error("profile: no "+s.what+" profile", "error", err)
			continue
		}
		c.upload(s.job, c.began, now, &buf)
	}
	c.began = now
}

// upload hands a copy of the profile over: pyroscope-go keeps what it is given.
func (c *collector) upload(job upstream.UploadJob, from, until time.Time, profile *bytes.Buffer) {
	job.Name, job.StartTime, job.EndTime = c.name, from, until
	job.SpyName, job.Format = "gospy", upstream.FormatPprof
	job.Profile = bytes.Clone(profile.Bytes())
	c.upstream.Upload(&job)
}

// stop sends what has been collected so far.
func (c *collector) stop() {
	close(c.quit)
	<-c.ended
	c.mu.Lock()
	c.endWindow()
	c.mu.Unlock()
	c.upstream.Flush()
	c.upstream.Stop()
}

// cpu is the CPU profile that runs, if it is ours.
type cpu struct {
	running bool
	paused  int
	began   time.Time
	buf     bytes.Buffer
}

// startCPU begins a CPU profile unless somebody else has one running: then StartCPUProfile fails.
func (c *collector) startCPU() {
	switch {
	case c.cfg.SkipCPU:
	case c.cpu.paused > 0 || pprof.StartCPUProfile(&c.cpu.buf) != nil:
		c.skipped++
	default:
		c.cpu.running, c.cpu.began = true, time.Now()
	}
}

// endCPU ends the profile that we have started, if any, and sends it. It can't be somebody else's: none
// can be started while ours runs.
func (c *collector) endCPU() {
	if !c.cpu.running {
		return
	}
	pprof.StopCPUProfile()
	c.cpu.running = false
	c.upload(cpuJob, c.cpu.began, time.Now(), &c.cpu.buf)
	c.cpu.buf.Reset()
}

func (c *collector) pause() (resume func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cpu.paused++
	c.endCPU()
	return sync.OnceFunc(func() {
		c.mu.Lock()
		c.cpu.paused--
		c.mu.Unlock()
	})
}

func (c *collector) skippedCPU() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.skipped
}
