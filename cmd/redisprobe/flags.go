package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/clewhq/clew/ebpfprobe"
	"github.com/clewhq/clew/internal/cli"
)

// target are the flags that choose servers and what is measured of them.
type target struct {
	ebpfprobe.Config
	pids, ports numbers
	slow        *time.Duration
	with        []string
}

func targetFlags(fs *pflag.FlagSet) *target {
	t := &target{}
	serverFlags(fs, t)
	t.slow = cli.DurationVar(fs, "slow", "", ebpfprobe.DefaultSlowThreshold, "a request that waits or is served this long is slow: it is listed, and its waiting charged to someone")
	fs.Uint32Var(&t.SampleEvery, "sample", 0, "list one in so many `requests` too, however fast")
	fs.BoolVar(&t.ByClient, "by-client", false, "a table by client address too")
	fs.BoolVar(&t.ByPrefix, "by-prefix", false, "a table by key prefix, up to the first colon, too; prefixes are then in the output")
	fs.BoolVar(&t.ShowArguments, "arguments", false, "show the arguments of slow requests; they may be anybody's secrets")
	fs.StringSliceVar(&t.with, "with", nil, "measure this `tier` too: "+strings.Join(tierNames(), ", ")+"; redisprobe check tells what each costs")
	return t
}

// serverFlags adds the flags that choose servers alone.
func serverFlags(fs *pflag.FlagSet, t *target) {
	t.pids.highest, t.ports.highest = 1<<31-1, 65535
	fs.VarP(&t.pids, "pid", "p", "observe process `pid`; may be given several times")
	fs.Var(&t.ports, "port", "observe the server that listens on this TCP `port`; may be given several times")
	fs.BoolVar(&t.All, "all", false, "observe every Redis, Valkey and KeyDB server (the default without --pid and --port)")
}

// tiers are the words for --with.
var tiers = []struct {
	name string
	on   func(*ebpfprobe.Config) *bool
}{
	{"syscalls", func(c *ebpfprobe.Config) *bool { return &c.Syscalls }},
	{"offcpu", func(c *ebpfprobe.Config) *bool { return &c.OffCPU }},
	{"deep", func(c *ebpfprobe.Config) *bool { return &c.Deep }},
	{"traceids", func(c *ebpfprobe.Config) *bool { return &c.TraceIDs }},
}

func tierNames() []string {
	names := make([]string, len(tiers))
	for i, t := range tiers {
		names[i] = t.name
	}
	return names
}

// config is what the flags ask for.
func (t *target) config() (ebpfprobe.Config, error) {
	cfg := t.Config
	cfg.PIDs, cfg.Ports = t.pids.list, t.ports.list
	if t.slow != nil {
		cfg.SlowThreshold = *t.slow
	}
	if len(cfg.PIDs) == 0 && len(cfg.Ports) == 0 {
		cfg.All = true
	}
	for _, word := range t.with {
		i := slices.Index(tierNames(), word)
		if i < 0 {
			return cfg, cli.Usagef("--with %s: want %s", word, strings.Join(tierNames(), ", "))
		}
		*tiers[i].on(&cfg) = true
	}
	return cfg, nil
}

// numbers is a flag that takes whole numbers from 1 up, several times or by
// commas.
type numbers struct {
	list    []int
	highest int
}

func (n *numbers) Set(s string) error {
	for word := range strings.SplitSeq(s, ",") {
		v, err := strconv.Atoi(word)
		if err != nil || v < 1 || v > n.highest {
			return fmt.Errorf("want a whole number from 1 to %d", n.highest)
		}
		if slices.Contains(n.list, v) {
			return errors.New("it is named twice")
		}
		n.list = append(n.list, v)
	}
	return nil
}

func (n *numbers) String() string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(n.list), " ", ","), "[]")
}

func (n *numbers) Type() string { return "number" }
