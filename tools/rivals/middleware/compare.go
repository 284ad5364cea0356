package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// compare measures all sides and writes the table to w.
func compare(w io.Writer, rounds, requests int) error {
	if rounds < 1 || requests < workers {
		return fmt.Errorf("-rounds %d and -requests %d: want at least 1 and %d", rounds, requests, workers)
	}
	to, err := startSink()
	if err != nil {
		return err
	}
	defer to.stop()
	ctx := context.Background()
	sides, err := newSides(ctx, to)
	if err != nil {
		return err
	}
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "parent\tmiddleware\tCPU ns/request\tallocs\tbytes\tof otelhttp's CPU\twithout the mux\tof its allocs")
	for _, sampled := range []bool{true, false} {
		costs, err := play(ctx, sides, sampled, rounds, requests)
		if err != nil {
			return err
		}
		report(out, sides, sampled, costs)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	for _, s := range sides[1:] {
		attributes, err := s.check(to)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s: %d requests sampled, as many spans received, %.0f attributes each\n", s.name, s.served, attributes)
	}
	return nil
}

// play lets the sides take turns, each time another one first. The first round is for warming up.
func play(ctx context.Context, sides []*side, sampled bool, rounds, requests int) ([][]cost, error) {
	costs := make([][]cost, len(sides))
	for round := range rounds + 1 {
		for i := range sides {
			i = (i + round) % len(sides)
			c, err := sides[i].measure(ctx, sampled, requests)
			if err != nil {
				return nil, err
			}
			if round > 0 {
				costs[i] = append(costs[i], c)
			}
		}
	}
	return costs, nil
}

func report(out *tabwriter.Writer, sides []*side, sampled bool, costs [][]cost) {
	bare, theirs := costs[0], costs[1]
	for i, s := range sides {
		c := costs[i]
		var cpu, allocs, bytes, all, net, fewer []float64
		for j := range c {
			cpu, allocs, bytes = append(cpu, c[j].cpu), append(allocs, c[j].allocs), append(bytes, c[j].bytes)
			all = append(all, c[j].cpu/theirs[j].cpu)
			net = append(net, (c[j].cpu-bare[j].cpu)/(theirs[j].cpu-bare[j].cpu))
			fewer = append(fewer, c[j].allocs/theirs[j].allocs)
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%.1f\t%.0f\t%s\t%s\t%.2f\n", map[bool]string{true: "sampled", false: "not sampled"}[sampled],
			s.name, spread("%.0f", cpu), median(allocs), median(bytes), spread("%.2f", all), spread("%.2f", net), median(fewer))
	}
}

// spread is the median, with the lowest and the highest behind it.
func spread(format string, v []float64) string {
	return fmt.Sprintf(format+" ["+format+".."+format+"]", median(v), slices.Min(v), slices.Max(v))
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
