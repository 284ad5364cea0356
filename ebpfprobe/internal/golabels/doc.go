// Package golabels tells which trace sent the bytes that a server on the same
// host received. A Go client's goroutine carries the ids of its trace and span
// as pprof labels, "trace_id" and "span_id", as package propagate of this module and
// several other libraries set them; a program in the kernel reads them when the
// goroutine has written to a socket that leads to a watched port, and notes them
// under the connection's two addresses and TCP's number of the first byte. The
// server's end of the connection knows the same addresses and numbers.
//
// The client is not changed, restarted or stopped. Which Go it was built with is
// in its binary; a version whose runtime is not known is refused, by [Tracer.Refused],
// as its memory might be misread. A process is looked at when it first
// writes to a watched port, so that what it writes in the millisecond after that has
// no id: [Stats] counts it.
//
// What it can't see: a client behind a proxy or an address translation, which has
// another connection; a client on a unix socket; who asked for a command in a
// library that writes for many goroutines on one of its own.
package golabels
