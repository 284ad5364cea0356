// Spanprice measures what a span costs on package provider, and what it costs on the official SDK with
// its OTLP exporter: the processor time of the whole process for each span, export included.
//
//	go -C tools/rivals run ./spanprice
//	GOMAXPROCS=1 go -C tools/rivals run ./spanprice -heap 1024 -rounds 9
//
// Both do the same in turns, in one process, and send the same spans, 512 in a request, to a
// transport that reads them and answers. Nothing is dropped: where there is no room, both wait. The
// ratio is taken round by round; the table has the median of these and the least and the greatest.
//
// Lines that begin with "the caller" have wall time instead, on the goroutine that makes the spans,
// while the exporter rests.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "spanprice:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	fs := flag.NewFlagSet("spanprice", flag.ExitOnError)
	rounds := fs.Int("rounds", 7, "rounds of each comparison")
	spans := fs.Int("n", 100_000, "spans in a round")
	heap := fs.Int("heap", 64, "MiB of live heap, full of pointers")
	pattern := fs.String("only", "", "a regular expression: compare only what it matches")
	if err := fs.Parse(args); err != nil {
		return err
	}
	only, err := regexp.Compile(*pattern)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	live := grow(*heap << 20)
	defer runtime.KeepAlive(live)
	fmt.Printf("%s, GOMAXPROCS %d, %d MiB of live heap, %d rounds of %d spans, pairs in turns\n\n",
		runtime.Version(), runtime.GOMAXPROCS(0), *heap, *rounds, *spans)
	fmt.Printf("%-36s %9s %9s   %-18s   %-12s   %-10s\n", "", "ours", "rival", "ratio", "allocations", "bytes sent")
	for _, c := range comparisons {
		if !only.MatchString(c.name) {
			continue
		}
		if err := compare(c, *rounds, *spans); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

// node is what a heap is made of that the garbage collector has to look at.
type node struct {
	next [4]*node
	_    [32]byte
}

func grow(bytes int) []*node {
	nodes := make([]*node, bytes/(64+8))
	for i := range nodes {
		n := &node{}
		for k := range n.next {
			if i > 0 {
				n.next[k] = nodes[(i*(k+7))%i]
			}
		}
		nodes[i] = n
	}
	return nodes
}

// cost is that of one span.
type cost struct{ ns, allocs, sent float64 }

func compare(c comparison, rounds, spans int) error {
	var ours, rival []cost
	var ratios []float64
	for i := range rounds + 1 {
		pair := []*cost{{}, {}}
		order := []int{0, 1}
		if i%2 == 1 { // nobody is always the second
			order = []int{1, 0}
		}
		for _, who := range order {
			s := c.ours
			if who == 1 {
				s = c.rival
			}
			got, err := measure(s, c.wall, spans)
			if err != nil {
				return err
			}
			*pair[who] = got
		}
		if i == 0 {
			continue // warms up
		}
		ours, rival = append(ours, *pair[0]), append(rival, *pair[1])
		ratios = append(ratios, pair[0].ns/pair[1].ns)
	}
	slices.Sort(ratios)
	o, r := median(ours), median(rival)
	fmt.Printf("%-36s %6.0f ns %6.0f ns   %.2f [%.2f, %.2f]   %4.1f / %4.1f   %3.0f / %3.0f\n",
		c.name, o.ns, r.ns, ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1], o.allocs, r.allocs, o.sent, r.sent)
	return nil
}

func median(cs []cost) cost {
	mid := func(of func(cost) float64) float64 {
		xs := make([]float64, len(cs))
		for i, c := range cs {
			xs[i] = of(c)
		}
		slices.Sort(xs)
		return xs[len(xs)/2]
	}
	return cost{
		mid(func(c cost) float64 { return c.ns }), mid(func(c cost) float64 { return c.allocs }), mid(func(c cost) float64 { return c.sent }),
	}
}

// measure runs n operations on a fresh subject, on two goroutines, and sends what they made. By the
// wall clock it takes one goroutine and only the time that is the caller's: the exporter gets time of its
// own after each burst.
func measure(s subject, wall bool, n int) (cost, error) {
	var sink drain
	b, err := s(&sink)
	if err != nil {
		return cost{}, err
	}
	for i := range 2000 {
		b.op(i)
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	sent := sink.bytes.Load()
	var took time.Duration
	if wall {
		n /= 5
		took = bursts(b.op, n)
	} else {
		start := cpuTime()
		inParallel(b.op, n)
		if err := b.close(context.Background()); err != nil {
			return cost{}, err
		}
		took = cpuTime() - start
	}
	runtime.ReadMemStats(&after)
	if wall {
		if err := b.close(context.Background()); err != nil {
			return cost{}, err
		}
	}
	per := func(x float64) float64 { return x / float64(n) }
	return cost{per(float64(took)), per(float64(after.Mallocs - before.Mallocs)), per(float64(sink.bytes.Load() - sent))}, nil
}
