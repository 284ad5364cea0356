package ebpfprobe

import (
	"context"
	"fmt"

	"github.com/clewhq/clew/ebpfprobe/report"
)

// Probe observes servers. Its methods may be called from several goroutines.
type Probe struct {
	engine *engine
}

// Start begins to observe the servers that cfg chooses and returns when every
// request from then on is counted. A server of Ports or All may come later; a PID
// that does not exist is an error. A server that is restarted on the same port is
// observed on. Cancelling ctx stops the observation, but keeps what was counted
// until Close.
//
// The error is an [*Unavailable] if the system or the caller's privileges do not
// let the socket tracepoints be used. A further tier that cannot work is no
// error: Report says so in its Tiers.
func Start(ctx context.Context, cfg Config) (*Probe, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, fmt.Errorf("start the probe: %w", err)
	}
	e, err := startEngine(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &Probe{engine: e}, nil
}

// Report returns what was counted from Start until now. After Close it returns
// an error that is [os.ErrClosed].
func (p *Probe) Report() (*report.Report, error) { return p.engine.report() }

// Close detaches everything from the kernel. What is not reported is lost.
// Closing twice is no error.
func (p *Probe) Close() error { return p.engine.close() }

// Check tries every tier for real: it loads and attaches its programs, takes them
// off again and says of each whether it works here, what is missing, how to get
// that, and what the tier costs. It returns an error only if ctx ends.
func Check(ctx context.Context) ([]report.Tier, error) { return checkTiers(ctx) }
