// Leaksim measures how well leaks are told from caches in sampled heap profiles.
//
// It judges programs that leak one byte in a hundred of those they allocate,
// among caches that warm up, and the same programs without the leak:
//
//	go run ./heapdiff/internal/leaksim
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"

	"github.com/clewhq/clew/heapdiff/internal/sampled"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2) //nolint:forbidigo // a tool of the developers, not a program of ours
	}
}

func run(context.Context) error {
	runs := flag.Int("runs", 100, "simulated programs of each kind")
	seed := flag.Uint64("seed", 1, "of the random numbers")
	flag.Parse()
	fmt.Println(simulated(*runs, *seed))
	return nil
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
			accused := accuse(simulateJudged(r, leaking))
			switch {
			case !leaking:
				s.falseWithout += len(accused)
				continue
			case len(accused) > 0 && accused[0] == 0:
				s.first++
			case !slices.Contains(accused, 0):
				s.missed++
			}
			for _, i := range accused {
				if i != 0 {
					s.falseWith++
				}
			}
		}
	}
	return s
}

func simulateJudged(r *rand.Rand, leaking bool) []sampled.Judgement {
	series, times := simulate(r, program(r, leaking))
	return sampled.Judge(series, times)
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
