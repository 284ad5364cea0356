// Package profile sends a service's profiles to Pyroscope, all the time, and ties them to its traces.
//
//	p, err := profile.Start(profile.Config{}) // PYROSCOPE_SERVER_ADDRESS, OTEL_SERVICE_NAME
//	if err != nil {
//		return err
//	}
//	defer func() { err = errors.Join(err, p.Stop(context.Background())) }()
//	shutdown, err := setup.Init(ctx, setup.WithSpanProcessor(profile.Spans()))
//	http.ListenAndServe(addr, trace.Handler(profile.Routes(mux)))
//
// # Labels
//
// Package propagate labels each goroutine with trace_id and span_id while it works for a sampled span,
// wherever the work goes on: in goroutines, pools and continuations. [Routes] adds http_route. [Spans] gives every span the attribute pyroscope.profile.id, by which Grafana finds the
// samples of a span: those with its span_id. A span's samples do not hold those of the spans below it;
// all of a trace's have its trace_id.
//
// # What is sent, and what is not
//
// Profiles go out by pyroscope-go's client, and those of heap, mutexes and blocking are its
// godeltaprof's. What stands around them is done here, because of what was measured of pyroscope-go
// 1.4.3:
//
//   - It tries an upload once. Here one that fails is tried again until [Config.RetryFor] has passed;
//     what waits is bounded by [Config.MaxPending], and what is lost is counted.
//   - It does not send the last window when it stops, and a flush, which would, hangs for ever where
//     CPU profiles are not wanted. [Profiler.Stop] sends the last window.
//   - When its window is over it ends every CPU profile that runs in the process, whoever has started it.
//     Here one that somebody else runs is left alone: that window has no CPU profile, and is counted in
//     [Stats]. While ours runs others can't start one, which is a property of the Go runtime;
//     [Profiler.Pause] makes room.
package profile
