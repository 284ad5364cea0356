package profile

import (
	"io"
	"runtime/pprof"

	pyroscope "github.com/grafana/pyroscope-go"
	"github.com/grafana/pyroscope-go/godeltaprof"
	"github.com/grafana/pyroscope-go/upstream"
)

// source is a profile that is taken at the end of a window.
type source struct {
	what string
	take func(io.Writer) error
	job  upstream.UploadJob
	// cumulative profiles are taken once at the beginning, because they are sent as differences.
	cumulative bool
}

// first takes what is not to be sent: what was before the first window.
func (s source) first() {
	if s.cumulative {
		_ = s.take(io.Discard)
	}
}

// The types of samples and their units, as Pyroscope's server knows them from its Go client.
var (
	cpuJob  = upstream.UploadJob{Units: "samples", AggregationType: "sum", SampleRate: pyroscope.DefaultSampleRate}
	heapJob = upstream.UploadJob{SampleRate: pyroscope.DefaultSampleRate, SampleTypeConfig: map[string]*upstream.SampleType{
		"alloc_objects": {Units: "objects"},
		"alloc_space":   {Units: "bytes"},
		"inuse_objects": {Units: "objects", Aggregation: "average"},
		"inuse_space":   {Units: "bytes", Aggregation: "average"},
	}}
	goroutineJob = upstream.UploadJob{Units: "goroutines", AggregationType: "average", SampleTypeConfig: map[string]*upstream.SampleType{
		"goroutine": {DisplayName: "goroutines", Units: "goroutines", Aggregation: "average"},
	}}
	leakJob = upstream.UploadJob{Units: "goroutines", AggregationType: "average", SampleTypeConfig: map[string]*upstream.SampleType{
		"goroutineleak": {DisplayName: "goroutine_leak", Units: "goroutines", Aggregation: "average"},
	}}
)

func contentionJob(kind string) upstream.UploadJob {
	return upstream.UploadJob{SampleTypeConfig: map[string]*upstream.SampleType{
		"contentions": {DisplayName: kind + "_count", Units: "lock_samples"},
		"delay":       {DisplayName: kind + "_duration", Units: "lock_nanoseconds"},
	}}
}

// sources are what cfg asks for, but CPU.
func sources(cfg Config) (list []source) {
	if !cfg.SkipHeap {
		list = append(list, source{"heap", godeltaprof.NewHeapProfiler().Profile, heapJob, true})
	}
	if !cfg.SkipGoroutines {
		list = append(list, lookup("goroutine", goroutineJob)...)
		list = append(list, lookup("goroutineleak", leakJob)...) // Go 1.26 with the experiment of that name
	}
	if cfg.MutexFraction > 0 {
		list = append(list, source{"mutex", godeltaprof.NewMutexProfiler().Profile, contentionJob("mutex"), true})
	}
	if cfg.BlockRate > 0 {
		list = append(list, source{"block", godeltaprof.NewBlockProfiler().Profile, contentionJob("block"), true})
	}
	return list
}

// lookup is the source of a profile by name, if the runtime has it.
func lookup(name string, job upstream.UploadJob) []source {
	p := pprof.Lookup(name)
	if p == nil {
		return nil
	}
	return []source{{name, func(w io.Writer) error { return p.WriteTo(w, 0) }, job, false}}
}
