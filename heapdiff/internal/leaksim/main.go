// Leaksim measures how well leaks are told from caches in sampled heap profiles.
//
// It judges programs that leak one byte in a hundred of those they allocate,
// among caches that warm up, and the same programs without the leak:
//
//	go run ./heapdiff/internal/leaksim -real 5
//
// The simulated programs are counts of sampled objects; the real ones are
// processes that are watched as a user would watch them.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/clewhq/clew/heapdiff/internal/sampled"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2) //nolint:forbidigo // a tool of the developers, not a program of ours
	}
}

func run(ctx context.Context) error {
	runs := flag.Int("runs", 100, "simulated programs of each kind")
	seed := flag.Uint64("seed", 1, "of the random numbers")
	programs := flag.Int("real", 0, "real programs of each kind, watched over HTTP")
	every := flag.Duration("every", 4*time.Second, "time between two profiles of a real program")
	child := flag.Bool("child", false, "be such a program")
	leaking := flag.Bool("serve", false, "with -child: leak")
	flag.Parse()
	if *child {
		return serve(*leaking)
	}
	fmt.Fprintf(os.Stdout, "simulated, seed %d\n%s\n", *seed, simulated(*runs, *seed))
	if *programs == 0 {
		return nil
	}
	s, err := watched(ctx, *programs, *every)
	fmt.Fprintf(os.Stdout, "real programs, %d profiles %s apart\n%s\n", profiles, *every, s)
	return err
}

// score is the outcome of runs.
type score struct {
	runs, first, missed, falseWith, falseWithout int
}

func (s score) String() string {
	return fmt.Sprintf("with the leak:    %d runs, leak named first in %d, missed in %d, false accusations %d\n"+
		"without the leak: %d runs, false accusations %d", s.runs, s.first, s.missed, s.falseWith, s.runs, s.falseWithout)
}

// simulated runs n programs with the leak and n without.
func simulated(n int, seed uint64) score {
	r := rand.New(rand.NewPCG(seed, 0))
	s := score{runs: n}
	for range n {
		for _, leaking := range []bool{true, false} {
			s.add(leaking, accusations(r, leaking))
		}
	}
	return s
}

// accusations runs one program and returns what is accused, by name.
func accusations(r *rand.Rand, leaking bool) []string {
	series, times := simulate(r, program(r, leaking))
	var names []string
	for _, i := range accuse(sampled.Judge(series, times)) {
		name := fmt.Sprintf("stack %d", i)
		if leaking && i == 0 {
			name = culprit
		}
		names = append(names, name)
	}
	return names
}

// accuse returns the stacks called leaking, the most certain growth first.
func accuse(js []sampled.Judgement) []int {
	var out []int
	for i, j := range js {
		if j.Class == sampled.Leaking {
			out = append(out, i)
		}
	}
	slices.SortFunc(out, func(a, b int) int { return cmp.Compare(js[b].GrowthLow, js[a].GrowthLow) })
	return out
}
