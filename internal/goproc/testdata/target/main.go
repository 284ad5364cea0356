// Target is a program with goroutines in every state, read by the tests of
// internal/goproc. It says "ready" once; then, for each line it is sent, it
// prints its own view of its goroutines, runtime.Stack's, and a line "end".
package main

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"runtime/pprof"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

var (
	never = make(chan int)
	full  = make(chan int)
	mu    sync.Mutex
	cond  = sync.NewCond(new(sync.Mutex))
	wg    sync.WaitGroup
)

// labelled starts f with the labels that a tracing library sets.
func labelled(trace, span string, f func()) {
	go pprof.Do(context.Background(), pprof.Labels("trace_id", trace, "span_id", span), func(context.Context) {
		go f()
		<-never
	})
}

type shop struct{ next *shop }

func (s *shop) price(depth int) int {
	if depth == 0 {
		return <-never
	}
	return 1 + s.price(depth-1)
}

// deep needs a stack of more than is read at once.
func deep(n int, pad [2048]byte) int {
	if n == 0 {
		return <-never
	}
	return deep(n-1, pad) + int(pad[n])
}

// inlined is small enough for the compiler to put it into its caller.
func inlined() int { return <-never }

func generic[T any](c chan T) T { return <-c }

type pricer interface{ price(int) int }

type wrapped struct{ *shop } // has a method price made by the compiler

func throughInterface(p pricer) { p.price(2) }

// faulting blocks in a deferred call while a nil dereference unwinds the stack:
// the signal handler put a frame in.
func faulting() {
	defer func() { <-never }()
	var s *shop
	s.next = s
}

func asleep() { time.Sleep(time.Hour) }
func selecting() {
	select {
	case <-never:
	case full <- 1:
	}
}

func acceptor() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	l.Accept()
}

func blockedRead() {
	var p [2]int
	if err := syscall.Pipe(p[:]); err != nil {
		panic(err)
	}
	syscall.Read(p[0], make([]byte, 1)) // not by the poller: a thread waits
}

func locked() {
	runtime.LockOSThread()
	<-never
}

func spin() {
	for i := 0; ; i++ {
		if i < 0 {
			return
		}
	}
}

// sorter is interrupted in library code that makes no calls for long.
func sorter() {
	v := make([]int, 1<<16)
	for {
		for i := range v {
			v[i] = (i * 7919) % len(v)
		}
		sort.Ints(v)
	}
}

// churn goes from one labelled call to another for ever, and makes garbage that
// the labels of other goroutines are allocated in.
func churn() {
	for {
		pprof.Do(context.Background(), pprof.Labels("span_id", "apple", "junk", strconv.Itoa(rand.Int())), func(context.Context) { appleRoot(rand.IntN(16)) })
		pprof.Do(context.Background(), pprof.Labels("junk", strconv.Itoa(rand.Int()), "span_id", "pear"), func(context.Context) { pearRoot(rand.IntN(16)) })
	}
}

//go:noinline
func appleRoot(n int) { appleBranch(n, [256]byte{}) }

func appleBranch(n int, pad [256]byte) {
	if n == 0 {
		appleLeaf()
		return
	}
	appleBranch(n-1, pad)
	pad[n] = 1
}

func appleLeaf() { pause() }

//go:noinline
func pearRoot(n int) { pearBranch(n, [256]byte{}) }

func pearBranch(n int, pad [256]byte) {
	if n == 0 {
		pearLeaf()
		return
	}
	pearBranch(n-1, pad)
	pad[n] = 1
}

func pearLeaf() { pause() }

// pause parks for a moment, now one way, now another.
func pause() {
	if rand.IntN(2) == 0 {
		time.Sleep(time.Microsecond)
		return
	}
	runtime.Gosched()
}

func start() {
	labelled("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", func() { (&shop{}).price(3) })
	labelled("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", func() { inlined() })
	go generic(never)
	go throughInterface(wrapped{&shop{}})
	go throughInterface(&wrapped{&shop{}})
	go func() { deep(60, [2048]byte{}) }()
	go faulting()
	go asleep()
	go selecting()
	go acceptor()
	go blockedRead()
	go locked()
	go func() { full <- 1 }()
	mu.Lock()
	go mu.Lock()
	cond.L.Lock()
	go func() { cond.L.Lock(); cond.Wait() }()
	cond.L.Unlock()
	wg.Add(1)
	go wg.Wait()
	go func() { var none chan int; <-none }()
}

func main() {
	mode := ""
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	switch mode {
	case "":
		extra()
		start()
	case "busy":
		for range 2 * runtime.GOMAXPROCS(0) {
			go spin()
			go sorter()
		}
	case "churn":
		for range 200 {
			go churn()
		}
	case "pauses":
		requests(10000)
		go watchPauses()
	default: // a number of requests
		n, err := strconv.Atoi(mode)
		if err != nil {
			panic(err)
		}
		requests(n)
	}
	answer()
}

func requests(n int) {
	for i := range n / 2 {
		labelled(fmt.Sprintf("%032x", i+1), fmt.Sprintf("%016x", i+1), func() { (&shop{}).price(3) })
	}
}

// longest is the longest pause, in nanoseconds.
var longest atomic.Int64

// watchPauses maps a page, writes to it and unmaps it, for ever: what a reader of
// this memory could hold up. The time in which the thread could have run, but
// had no processor, is not counted.
func watchPauses() {
	runtime.LockOSThread()
	stat, err := os.Open("/proc/thread-self/schedstat")
	if err != nil {
		panic(err)
	}
	for {
		before := queued(stat)
		start := time.Now()
		// Raw: Go's scheduler may take the P from who is in a system call, and to get
		// one back is not the reader's doing.
		page, _, errno := syscall.RawSyscall6(syscall.SYS_MMAP, 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE,
			syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_POPULATE, ^uintptr(0), 0)
		if errno != 0 {
			panic(errno)
		}
		if _, _, errno := syscall.RawSyscall(syscall.SYS_MUNMAP, page, 4096, 0); errno != 0 {
			panic(errno)
		}
		took := int64(time.Since(start))
		if took -= queued(stat) - before; took > longest.Load() {
			longest.Store(took)
		}
	}
}

// queued returns how long the thread has waited for a processor, in nanoseconds.
func queued(stat *os.File) (ns int64) {
	b := make([]byte, 100)
	n, err := stat.ReadAt(b, 0)
	if n == 0 {
		panic(err)
	}
	var ran int64
	if _, err := fmt.Sscan(string(b[:n]), &ran, &ns); err != nil {
		panic(err)
	}
	return ns
}

func answer() {
	fmt.Println("ready")
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		switch in.Text() {
		case "gc":
			runtime.GC()
		case "longest":
			fmt.Printf("%d\nend\n", longest.Swap(0))
			continue
		}
		b := make([]byte, 1<<22)
		os.Stdout.Write(b[:runtime.Stack(b, true)])
		fmt.Println("\nend")
	}
}
