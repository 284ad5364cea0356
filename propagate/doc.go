// Package propagate keeps a request's trace context with the work done for it,
// whatever carries that work: a call, a goroutine, a pool, a channel, a timer,
// a callback.
//
// The context travels twice. Explicitly, in a [context.Context] made by
// [NewContext]; and ambiently, in the profiler labels of the goroutine, which
// the Go runtime hands from every goroutine to the ones it starts. So a `go`
// statement, an errgroup or a library without a context parameter loses
// nothing, and CPU profiles, goroutine dumps and panics name the trace.
//
// The explicit context always wins. The ambient one is a convenience that may
// be switched off: with the build tag propagate_noambient, or when the self
// test made at start finds that the runtime's label layout is not the one this
// package knows, [Ambient] is false, nothing but contexts is read, and the
// same calls work.
//
// A [Ref] names one span and knows whether it has ended. An ended span is
// never answered as the current one: the goroutine that outlives its request,
// the disease of every ambient carrier, finds the nearest span around it that
// still lives, or none. [Origin] still tells where it came from, for a link.
//
// All functions are safe for concurrent use. None of them panics on behalf of
// the program's misuse.
package propagate
