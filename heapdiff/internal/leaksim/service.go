package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	_ "net/http/pprof" //nolint:gosec // on loopback, for the parent process
	"os"
	"time"
)

// What the service keeps. The ledger is the leak.
var (
	ledger  [][]byte
	byKey   = map[int][]byte{}
	ring    [4096][]byte
	ringAt  int
	expires []entry
)

type entry struct {
	at   time.Time
	data []byte
}

const (
	tick     = 2 * time.Millisecond
	perTick  = 200 << 10 // bytes allocated in a tick: 100 MB/s
	leakPart = 100       // one byte in so many is never freed
	keys     = 3000
	lifetime = 3 * time.Second
)

//go:noinline
func keepForEver(n int) { ledger = append(ledger, make([]byte, n)) }

//go:noinline
func lookUp(key int) {
	if byKey[key] == nil {
		byKey[key] = make([]byte, 4<<10)
	}
}

//go:noinline
func pushRing() {
	ring[ringAt%len(ring)] = make([]byte, 2<<10)
	ringAt++
}

//go:noinline
func remember(now time.Time) {
	for len(expires) > 0 && expires[0].at.Before(now) {
		expires = expires[1:]
	}
	expires = append(expires, entry{now.Add(lifetime), make([]byte, 3<<10)})
}

//go:noinline
func request() []byte { return make([]byte, 1<<10+rand.IntN(8<<10)) }

var sink []byte

// serve is the service under test: it allocates at a steady pace, fills a cache
// of keys, a ring that replaces its oldest and one that forgets after a time, and
// leaks if told to. It prints its address and runs until it is killed.
func serve(leaking bool) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, l.Addr())
	go work(leaking)
	return http.Serve(l, nil) //nolint:gosec // no timeouts: the parent is the only client
}

func work(leaking bool) {
	for now := range time.Tick(tick) {
		left := perTick
		for range 4 {
			lookUp(rand.IntN(keys))
			pushRing()
			left -= 2 << 10
		}
		remember(now)
		left -= 3 << 10
		if leaking {
			keepForEver(perTick / leakPart)
			left -= perTick / leakPart
		}
		for left > 0 {
			sink = request()
			left -= len(sink)
		}
	}
}
