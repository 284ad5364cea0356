//go:build cgo

package main

/*
extern void comeback(void);
static void visit(void) { comeback(); }
#ifdef OWN_TLS
static __thread volatile char counters[3000];
static __thread volatile long calls = 1;
static void count(void) { counters[calls++ % 3000]++; }
#else
static void count(void) {}
#endif
*/
import "C"

import "sync"

// Every other command is sent by Go that C called, which runs on a goroutine with
// C's frames between its own.
var (
	mu    sync.Mutex
	turn  bool
	order func()
)

//export comeback
func comeback() { order() }

func send(ask func(string), line string) {
	C.count()
	mu.Lock()
	defer mu.Unlock()
	if turn = !turn; !turn {
		ask(line)
		return
	}
	order = func() { ask(line) }
	C.visit()
}
