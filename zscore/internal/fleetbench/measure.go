package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// fillRounds is how many rounds of the past go into one request of the filling.
const fillRounds = 20

// mark is what both have used until a moment.
type mark struct {
	at                time.Time
	spikewatch, rival time.Duration
	readings          float64
	evaluations       float64
}

func (b *bench) measure(ctx context.Context) error {
	now := time.Now().Truncate(time.Second)
	fleet, taught, err := newFleet(b.series, b.every, now)
	if err != nil {
		return err
	}
	b.fleet = fleet
	defer func() { b.spikewatch.stop(); b.rival.stop() }()
	if err := b.startPrometheus(ctx); err != nil {
		return err
	}
	if err := b.startSpikewatch(ctx, taught); err != nil {
		return err
	}
	hour := int(time.Hour / b.every)
	say("%d series: an hour of the past for Prometheus", b.series)
	for left := hour; left > 0; left -= fillRounds {
		n := min(fillRounds, left)
		last := now.Add(-time.Duration(left-n+1) * b.every)
		for body := range fleet.requests(last, n, b.every) {
			if err := send(ctx, b.writeTo[:1], body); err != nil {
				return err
			}
		}
	}
	return b.compare(ctx)
}

// compare runs the rounds and prints the table.
func (b *bench) compare(ctx context.Context) error {
	next := time.Now().Truncate(time.Second).Add(time.Second)
	rounds := func(n int) (detect []time.Duration, err error) {
		for range n {
			took, err := b.round(ctx, next)
			if err != nil {
				return nil, err
			}
			detect, next = append(detect, took), next.Add(b.every)
		}
		return detect, waitUntil(ctx, next)
	}
	say("%d rounds of %v without the rule, after two to warm up", b.plain, b.every)
	if _, err := rounds(2); err != nil {
		return err
	}
	plainFrom, err := b.mark(ctx)
	if err != nil {
		return err
	}
	detect, err := rounds(b.plain)
	if err != nil {
		return err
	}
	plainTo, err := b.mark(ctx)
	if err != nil {
		return err
	}
	say("%d rounds with it, after two to warm up", b.rounds)
	if err := b.giveRule(); err != nil {
		return err
	}
	more, err := rounds(2)
	if err != nil {
		return err
	}
	// A machine with much else to do takes longer than a round for the first.
	for evaluated := false; !evaluated; {
		again, err := rounds(1)
		if err != nil {
			return err
		}
		more = append(more, again...)
		n, err := b.rival.metric(ctx, "prometheus_rule_group_last_evaluation_samples")
		if err != nil {
			return err
		}
		evaluated = n > 0
	}
	ruleFrom, err := b.mark(ctx)
	if err != nil {
		return err
	}
	last, err := rounds(b.rounds)
	if err != nil {
		return err
	}
	ruleTo, err := b.mark(ctx)
	if err != nil {
		return err
	}
	return b.report(ctx, slices.Concat(detect, more, last), [4]mark{plainFrom, plainTo, ruleFrom, ruleTo})
}

// round sends every series a sample at its time, and judges the same in here.
func (b *bench) round(ctx context.Context, at time.Time) (time.Duration, error) {
	if err := waitUntil(ctx, at); err != nil {
		return 0, err
	}
	for body := range b.fleet.requests(at, 1, b.every) {
		if err := send(ctx, b.writeTo, body); err != nil {
			return 0, err
		}
	}
	return b.fleet.detect(at)
}

func (b *bench) mark(ctx context.Context) (m mark, err error) {
	m.at = time.Now()
	if m.spikewatch, err = b.spikewatch.spent(); err != nil {
		return m, err
	}
	if m.rival, err = b.rival.spent(); err != nil {
		return m, err
	}
	if m.readings, err = b.spikewatch.metric(ctx, "spikewatch_readings_total"); err != nil {
		return m, err
	}
	m.evaluations, err = b.rival.metric(ctx, "prometheus_rule_group_iterations_total")
	if err != nil {
		return m, err
	}
	missed, err := b.rival.metric(ctx, "prometheus_rule_group_iterations_missed_total")
	m.evaluations -= missed
	return m, err
}

// report prints the table, unless what was measured is not what was meant.
func (b *bench) report(ctx context.Context, detect []time.Duration, m [4]mark) error {
	plain, ruled := m[1].at.Sub(m[0].at), m[3].at.Sub(m[2].at)
	evaluations := m[3].evaluations - m[2].evaluations
	got, err := b.rival.metric(ctx, "prometheus_rule_group_last_evaluation_samples")
	if err != nil {
		return err
	}
	if want := float64(b.series); got != want || evaluations < 1 {
		return fmt.Errorf("the rule of Prometheus was evaluated %v times, the last time to %v series of %v", evaluations, got, want)
	}
	readings := m[3].readings - m[2].readings
	if want := float64(b.series * b.rounds); readings != want {
		return fmt.Errorf("spikewatch judged %v points in %d rounds of %d series, and not %v", readings, b.rounds, b.series, want)
	}
	idle := float64(m[1].rival-m[0].rival) / float64(plain)
	rule := float64(m[3].rival-m[2].rival) - idle*float64(ruled)
	theirs := rule / evaluations / float64(b.series) // nanoseconds
	slices.Sort(detect)
	of := func(d time.Duration) float64 { return float64(d) / float64(b.series) }
	median := of(detect[len(detect)/2])
	ours := float64(m[3].spikewatch-m[0].spikewatch) / float64(m[3].at.Sub(m[0].at))
	now, most, err := b.spikewatch.memory()
	if err != nil {
		return err
	}
	theirNow, theirMost, err := b.rival.memory()
	if err != nil {
		return err
	}
	perPoint := float64(m[3].spikewatch-m[2].spikewatch) / readings
	say(`
%-46s %14s %14s
%-46s %11.2f µs %11.2f µs   ratio %.0f [%.0f–%.0f]
%-46s %11.2f µs %14s
%-46s %12.1f %% %12.1f %%
%-46s %11d MB %11d MB
%-46s %11d MB %11d MB`,
		fmt.Sprintf("%d series, every %v", b.series, b.every), "spikewatch", "prometheus",
		"detection, a series and evaluation", median/1e3, theirs/1e3, theirs/median, theirs/of(detect[len(detect)-1]), theirs/of(detect[0]),
		"everything, a point", perPoint/1e3, "",
		"of a core, with the rule", 100*ours, 100*float64(m[3].rival-m[2].rival)/float64(ruled),
		"memory at the end", now/1e6, theirNow/1e6,
		"memory at most", most/1e6, theirMost/1e6)
	say("the ratio's range is over the %d rounds of detection; Prometheus' rule was evaluated %v times", len(detect), evaluations)
	say("%d false alerts of detectors in here", b.fleet.alerts)
	return nil
}
