// Command middleware compares the server middleware of clew with OpenTelemetry's
// otelhttp: what a request costs the process, encoding and sending its span included.
//
//	go -C tools/rivals run ./middleware [-rounds N] [-requests N]
//
// All stand around the same mux, on an official SDK of their own: its batch processor,
// which drops nothing, its OTLP client over HTTP, and metrics. "clew" is what a program
// gets from trace/setup, whose exporter encodes spans itself; "handler" is the same middleware
// with the SDK's own exporter, as otelhttp has it; "bare" is the mux alone. What they
// send goes to another process, which counts the spans, so that receiving costs none of
// them anything. Requests come from two goroutines, without a network in between: that
// would be most of the bill, and the same for both.
//
// They take turns within a round. CPU is that of the whole process, by getrusage,
// from the first request to the return of ForceFlush. A ratio is taken round by round;
// the table has medians, with the lowest and the highest round. clew labels the
// goroutine besides, which otelhttp does not.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
)

// ballast keeps the heap from being so small that the garbage collector is all one
// measures, which would flatter whoever allocates less. It holds no pointers.
var ballast = make([]byte, 64<<20)

func main() {
	rounds := flag.Int("rounds", 10, "`times` that each is measured")
	requests := flag.Int("requests", 40_000, "`number` of requests each time")
	sink := flag.Bool("sink", false, "be the process that counts the spans")
	flag.Parse()
	run := func() error { return compare(os.Stdout, *rounds, *requests) }
	if *sink {
		run = serveSink
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "middleware:", err)
		os.Exit(2)
	}
	runtime.KeepAlive(ballast)
}
