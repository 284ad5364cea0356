package goproc

import "slices"

// The runtime numbers its wait reasons anew in each minor version: Go 1.25 put
// some in, Go 1.26 moved those of channels together. The lists are made of the
// runs that stayed together; a test compares them with the toolchains' sources.
var (
	waitReasons24 = slices.Concat(
		[]string{"", "GC assist marking", "IO wait"},
		nilChannel, dumping, []string{"panicwait"}, []string{"select", "select (no cases)"}, gcWaits,
		channel, []string{"finalizer wait", "force gc (idle)"},
		blocking, locks, internals,
		[]string{"chan receive (synctest)", "chan send (synctest)", "select (synctest)"},
	)
	waitReasons25 = slices.Concat(
		[]string{"", "GC assist marking", "IO wait"},
		nilChannel, dumping, []string{"panicwait"}, []string{"select", "select (no cases)"}, gcWaits,
		channel, []string{"finalizer wait", "force gc (idle)", "GOMAXPROCS updater (idle)"},
		blocking, locks, internals, durable,
	)
	waitReasons26 = slices.Concat(
		[]string{"", "GC assist marking", "IO wait"},
		dumping, []string{"panicwait"}, gcWaits,
		[]string{"finalizer wait", "force gc (idle)", "GOMAXPROCS updater (idle)"},
		blocking, nilChannel, []string{"select (no cases)", "select"}, channel,
		locks, internals, durable,
	)
)

var (
	nilChannel = []string{"chan receive (nil chan)", "chan send (nil chan)"}
	dumping    = []string{"dumping heap", "garbage collection", "garbage collection scan"}
	gcWaits    = []string{"GC assist wait", "GC sweep wait", "GC scavenge wait"}
	channel    = []string{"chan receive", "chan send"}
	blocking   = []string{"semacquire", "sleep"}
	locks      = []string{
		"sync.Cond.Wait", "sync.Mutex.Lock", "sync.RWMutex.RLock", "sync.RWMutex.Lock", "sync.WaitGroup.Wait",
	}
	internals = []string{
		"trace reader (blocked)", "wait for GC cycle", "GC worker (idle)", "GC worker (active)", "preempted",
		"debug call", "GC mark termination", "stopping the world", "flushing proc caches",
		"trace goroutine status", "trace proc status", "page trace flush", "coroutine",
		"GC weak to strong wait", "synctest.Run", "synctest.Wait",
	}
	durable = []string{
		"chan receive (durable)", "chan send (durable)", "select (durable)", "sync.WaitGroup.Wait (durable)",
		"cleanup wait",
	}
)
