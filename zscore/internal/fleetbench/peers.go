package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// zscoreRule is the plain z-score over an hour in its shortest form.
const zscoreRule = `(` + metric + ` - avg_over_time(` + metric + `[1h])) / stddev_over_time(` + metric + `[1h])`

// startSpikewatch builds and starts the daemon on baselines that are taught.
func (b *bench) startSpikewatch(ctx context.Context, taught []byte) error {
	program := filepath.Join(b.dir, "spikewatch")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/clewhq/clew/cmd/spikewatch")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build spikewatch: %w", err)
	}
	stateDir := filepath.Join(b.dir, "state")
	if err := os.MkdirAll(stateDir, 0o700); err != nil {
		return err
	}
	if err := b.fleet.write(stateDir, taught); err != nil {
		return err
	}
	addr, err := freeAddr()
	if err != nil {
		return err
	}
	file := filepath.Join(b.dir, "spikewatch.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, `
listen: 127.0.0.1:0
calendars: {krx: %s}
inputs: [{remote_write: {listen: %q}}]
rules: [{name: %s, match: %s, kind: rate, calendar: krx, max_series: %d}]
route: {receiver: out}
receivers: {out: {file: {path: alerts.jsonl}}}
state: {dir: %q}
`, calendarText(time.Now()), addr, rule, metric, b.series, stateDir), 0o600); err != nil {
		return err
	}
	if b.spikewatch, err = start(b.dir, program, "run", "-c", file); err != nil {
		return err
	}
	b.writeTo = append(b.writeTo, "http://"+addr+"/api/v1/write")
	return b.spikewatch.until(ctx, "ready", func() error {
		var control struct{ Addr string }
		raw, err := os.ReadFile(filepath.Join(stateDir, "control.json"))
		if err != nil {
			return err
		}
		if err := json.Unmarshal(raw, &control); err != nil {
			return err
		}
		b.spikewatch.metrics = "http://" + control.Addr + "/metrics"
		_, err = get(ctx, "http://"+control.Addr+"/readyz")
		return err
	})
}

// startPrometheus starts the rival, as yet without a rule.
func (b *bench) startPrometheus(ctx context.Context) error {
	addr, err := freeAddr()
	if err != nil {
		return err
	}
	file := filepath.Join(b.dir, "prometheus.yml")
	config := fmt.Sprintf("global: {evaluation_interval: %s}\nrule_files: [rules-*.yml]\n", b.every)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return err
	}
	b.rival, err = start(b.dir, b.prometheus, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(b.dir, "data"),
		"--web.listen-address="+addr, "--web.enable-remote-write-receiver")
	if err != nil {
		return err
	}
	b.rival.metrics = "http://" + addr + "/metrics"
	b.writeTo = append(b.writeTo, "http://"+addr+"/api/v1/write")
	return b.rival.until(ctx, "ready", func() error {
		_, err := get(ctx, "http://"+addr+"/-/ready")
		return err
	})
}

// giveRule has Prometheus evaluate the z-score from now on.
func (b *bench) giveRule() error {
	text := fmt.Sprintf("groups: [{name: zscore, interval: %s, rules: [{record: z, expr: '%s'}]}]\n", b.every, zscoreRule)
	if err := os.WriteFile(filepath.Join(b.dir, "rules-zscore.yml"), []byte(text), 0o600); err != nil {
		return err
	}
	return b.rival.cmd.Process.Signal(syscall.SIGHUP)
}

// send posts one remote write to everybody in to.
func send(ctx context.Context, to []string, body []byte) error {
	for _, url := range to {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/x-protobuf")
		req.Header.Set("Content-Encoding", "snappy")
		req.Header.Set("X-Prometheus-Remote-Write-Version", "0.1.0")
		if _, err := do(req); err != nil {
			return err
		}
	}
	return nil
}

// waitUntil waits for a time.
func waitUntil(ctx context.Context, at time.Time) error {
	t := time.NewTimer(time.Until(at))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
