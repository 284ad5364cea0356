package demo

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/clewhq/clew/cmd/clew/internal/shop"
)

// Story tells what the demo is doing, while it does it. The zero Story is silent.
type Story struct {
	// W takes the talk; nil for none.
	W io.Writer
	// Live says that W is a terminal, whose last line may be written over.
	Live bool

	mu    sync.Mutex
	began time.Time // the run's load
	last  time.Duration
	drawn time.Time // when the bar was
}

func (s *Story) say(format string, args ...any) {
	if s.W != nil {
		fmt.Fprintf(s.W, format+"\n", args...)
	}
}

// opened tells where everything is.
func (s *Story) opened(d *Demo, redis *service) {
	s.say("A small shop starts here; every payment is followed through all of it.")
	s.say("")
	s.say("  page    %s", d.URL())
	s.say("  heap    %s, when the first run is over", d.URL()+heapPath)
	s.say("  traces  OTLP at http://%s and, for gRPC, %s", d.receiver.HTTPAddr(), d.receiver.GRPCAddr())
	s.say("  redis   %s (%s)", redis.ready.Addr, redis.ready.Note)
}

// running tells that a run has begun.
func (s *Story) running(r run, b branch, last time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.began, s.last = time.Now(), last
	s.say("")
	s.say("%s clew, %.0f s", r.title(), last.Seconds())
	s.say("  pids    %s", b)
}

// sent tells how many payments were answered so far.
func (s *Story) sent(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); s.W != nil && s.Live && now.Sub(s.drawn) > 100*time.Millisecond {
		s.drawn = now
		fmt.Fprintf(s.W, "\r          %s %d payments ", bar(now.Sub(s.began), s.last), n)
	}
}

// ran tells that the run is over.
func (s *Story) ran(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.W != nil && s.Live {
		fmt.Fprint(s.W, "\r")
	}
	s.say("          %s %d payments ", bar(s.last, s.last), n)
}

// faulting tells that the payment service is going to be slow.
func (s *Story) faulting(delay time.Duration) {
	s.say("")
	s.say("and a fault: each payment takes %v longer for a while, and spikewatch watches", delay)
}

// scripting tells that some payments are going to hold Redis.
func (s *Story) scripting() {
	s.say("")
	s.say("and a slow script: a payment has Redis count for a while, for redisprobe to blame")
}

// scripted tells what came of it.
func (s *Story) scripted(got *slowScript) { s.say("  probe   %s", got.said()) }

// noticed tells what came of it.
func (s *Story) noticed(got *spike) {
	if got.why != "" {
		s.say("  slack   %s", got.why)
		return
	}
	s.say("  slack   told after %.1f s, and the end %.1f s after it", got.told.Seconds(), got.over.Seconds())
}

// judged tells that all is done but to read the report.
func (s *Story) judged() { s.say("") }

// bar draws how much of a time has gone.
func bar(gone, of time.Duration) string {
	const width = 30
	full := min(width, int(width*gone/max(of, 1)))
	line := make([]rune, width)
	for i := range line {
		line[i] = '░'
		if i < full {
			line[i] = '█'
		}
	}
	return string(line)
}

func (r run) title() string {
	if r.propagation == "on" {
		return "1 of 2, with"
	}
	return "2 of 2, the same without"
}

// String names the services of the shop and their processes.
func (b branch) String() string {
	s := ""
	for _, name := range []string{shop.Gateway, shop.Order, shop.Payment, shop.Ledger} {
		if s != "" {
			s += " → "
		}
		s += fmt.Sprintf("%s %d", name, b[name].proc.PID())
	}
	return s
}
