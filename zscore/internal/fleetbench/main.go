// Fleetbench measures spikewatch beside Prometheus on the same stream of samples:
//
//	go run ./zscore/internal/fleetbench
//	go run ./zscore/internal/fleetbench -series 10000 -plain 4 -rounds 8
//
// Both get every sample of 50,000 series by remote write, each 15 seconds, in the
// same request. Spikewatch runs as its users run it, with the detector of a rule
// that names none and a baseline of two weeks behind every series; Prometheus gets
// an hour of the past, and evaluates the z-score over that hour in the shortest
// form, one recording rule. What its rule costs is its processor time with the
// rule, less that of as many rounds without. What detection costs is measured on
// the same points in this process, in a thread of its own, with as many detectors
// and conditions as the daemon has; the daemon is also counted as a whole.
//
// It needs Linux, a prometheus in PATH or -prometheus, and seven minutes: an hour
// of samples at full speed, -plain rounds without the rule, -rounds with it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "fleetbench:", err)
		os.Exit(2) //nolint:forbidigo,gocritic // a tool of the developers; nothing is left to stop
	}
}

// bench is one run of this program.
type bench struct {
	series, plain, rounds int
	every                 time.Duration
	prometheus, dir       string

	fleet      *fleet
	spikewatch *process
	rival      *process
	writeTo    []string // where both take remote writes
}

func run(ctx context.Context) error {
	b := &bench{}
	flag.IntVar(&b.series, "series", 50_000, "how many series there are")
	flag.DurationVar(&b.every, "every", 15*time.Second, "the time between two samples of a series")
	flag.IntVar(&b.plain, "plain", 6, "rounds in which Prometheus has no rule")
	flag.IntVar(&b.rounds, "rounds", 12, "rounds in which it has")
	flag.StringVar(&b.prometheus, "prometheus", "prometheus", "the program to compare with")
	flag.StringVar(&b.dir, "dir", "", "directory for state, data and logs, kept (default: a temporary one)")
	flag.Parse()
	if flag.NArg() > 0 || b.series < 1 || b.plain < 1 || b.rounds < 1 || b.every < time.Second {
		return errors.New("want no arguments, at least one series and round, and -every of 1s or more; -h tells the flags")
	}
	if b.dir == "" {
		dir, err := os.MkdirTemp("", "fleetbench")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		b.dir = dir
	} else if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return err
	}
	return b.measure(ctx)
}

func say(format string, args ...any) {
	fmt.Fprintln(os.Stdout, strings.TrimRight(fmt.Sprintf(format, args...), "\n"))
}
