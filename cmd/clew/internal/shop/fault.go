package shop

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// The fault of the payment service: when it is asked to, each payment takes so
// much longer. Its latency is at /metrics, for whoever wants to notice.
const (
	// FaultPath takes how long, as ?delay=1s, in a PUT.
	FaultPath = "/fault"
	// LatencyMetric is the histogram of how long payments took, in seconds.
	LatencyMetric = "payment_duration_seconds"
	maxFault      = 5 * time.Second
)

// fault is how slow the service is made to be.
type fault struct{ delay atomic.Int64 }

func (f *fault) set(w http.ResponseWriter, r *http.Request) {
	d, err := time.ParseDuration(r.URL.Query().Get("delay"))
	if err != nil || d < 0 || d > maxFault {
		http.Error(w, fmt.Sprintf("delay: want a time from 0s to %v", maxFault), http.StatusBadRequest)
		return
	}
	f.delay.Store(int64(d))
}

// wait is what a payment loses to the fault.
func (f *fault) wait() {
	if d := f.delay.Load(); d > 0 {
		time.Sleep(time.Duration(d))
	}
}

// latencyBounds are the upper bounds of the histogram's buckets, in seconds.
var latencyBounds = [...]float64{0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10}

// latency is a histogram of how long payments took.
type latency struct {
	mu     sync.Mutex
	counts [len(latencyBounds) + 1]uint64
	sum    float64
}

func (l *latency) add(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := 0
	for k < len(latencyBounds) && d.Seconds() > latencyBounds[k] {
		k++
	}
	l.counts[k]++
	l.sum += d.Seconds()
}

// serve writes the histogram as Prometheus reads it.
func (l *latency) serve(w http.ResponseWriter, _ *http.Request) {
	l.mu.Lock()
	counts, sum := l.counts, l.sum
	l.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	fmt.Fprintf(w, "# HELP %s How long payments took.\n# TYPE %[1]s histogram\n", LatencyMetric)
	total := uint64(0)
	for k, n := range counts {
		total += n
		bound := "+Inf"
		if k < len(latencyBounds) {
			bound = fmt.Sprint(latencyBounds[k])
		}
		fmt.Fprintf(w, "%s_bucket{le=%q} %d\n", LatencyMetric, bound, total)
	}
	fmt.Fprintf(w, "%s_sum %v\n%[1]s_count %[3]d\n", LatencyMetric, sum, total)
}
