package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/clewhq/clew/heapdiff"
	"github.com/clewhq/clew/heapdiff/report"
	"github.com/clewhq/clew/internal/cli"
)

// inputs are the flags that say how snapshots are read.
type inputs struct {
	heapdiff.Options
	maps   []string
	maxMem bytesValue
}

func inputFlags(fs *pflag.FlagSet) *inputs {
	in := &inputs{}
	fs.StringArrayVar(&in.maps, "map", nil, "`file` with the generation map: output of jcmd VM.info or GC.heap_info, or a GC log; one for each snapshot in their order, before and after the dump as FILE,FILE")
	fs.BoolVar(&in.AllowApproximate, "allow-approximate", false, "go on with a generation map that does not fit, and say so")
	fs.BoolVar(&in.Partial, "partial", false, "use what is whole of a damaged snapshot")
	fs.Var(&in.maxMem, "max-mem", "stay below this `size` of memory, such as 512MiB, with tables in scratch files (Linux)")
	fs.StringVar(&in.TempDir, "temp-dir", "", "`directory` for scratch files (default: the system's)")
	fs.IntVar(&in.Reference, "oops", 0, "`bytes` of a reference in the JVM, 4 or 8 (default: found out from the dump)")
	fs.IntVar(&in.Header, "header", 0, "`bytes` of an object's header in the JVM: 8, 12 or 16 (default: found out from the dump)")
	return in
}

// check finds what the flags say wrongly before a long read.
func (in *inputs) check() error {
	if r := in.Reference; r != 0 && r != 4 && r != 8 {
		return cli.Usagef("--oops %d: want 4 or 8", r)
	}
	if h := in.Header; h != 0 && h != 8 && h != 12 && h != 16 {
		return cli.Usagef("--header %d: want 8, 12 or 16", h)
	}
	if m := in.maxMem; m != 0 && m < minMem {
		return cli.Usagef("--max-mem %s: less than 64MiB is too little to work with", m.String())
	}
	in.MaxMem = int64(in.maxMem)
	return nil
}

const minMem = 64 << 20

// mapsOf are the maps of snapshot i of n. A single snapshot takes all.
func (in *inputs) mapsOf(i, n int) ([]string, error) {
	var sets [][]string
	for _, m := range in.maps {
		sets = append(sets, strings.Split(m, ","))
	}
	switch {
	case len(sets) == 0:
		return nil, nil
	case n == 1:
		var all []string
		for _, s := range sets {
			all = append(all, s...)
		}
		return all, nil
	case len(sets) != n:
		return nil, cli.Usagef("--map is given %d times for %d snapshots; give one for each, in their order", len(sets), n)
	default:
		return sets[i], nil
	}
}

// bytesValue is a flag that takes a size such as 512MiB.
type bytesValue int64

var sizeSyntax = regexp.MustCompile(`^([0-9]+)(B|kB|MB|GB|KiB|MiB|GiB|K|M|G)?$`)

var sizeUnits = map[string]int64{
	"": 1, "B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9,
	"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30,
}

func (b *bytesValue) Set(s string) error {
	m := sizeSyntax.FindStringSubmatch(s)
	if m == nil {
		return errors.New("want a size such as 512MiB or 2GB")
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if unit := sizeUnits[m[2]]; err != nil || n > 1<<62/unit {
		return errors.New("the size is too large")
	}
	*b = bytesValue(n * sizeUnits[m[2]])
	return nil
}

func (b *bytesValue) String() string {
	if *b == 0 {
		return ""
	}
	return fmt.Sprintf("%dB", int64(*b))
}

func (b *bytesValue) Type() string { return "size" }

// shown are the flags that say what of the result is shown.
type shown struct {
	report.Options
	focus, ignore, gen string
	sample             string
	live, dead         bool
}

func shownFlags(fs *pflag.FlagSet, top int) *shown {
	o := &shown{}
	fs.IntVar(&o.Top, "top", top, "rows of each table, 0 for all (default of json, html and pprof: all)")
	fs.StringVar(&o.focus, "focus", "", "only classes and holders that match this `regexp`")
	fs.StringVar(&o.ignore, "ignore", "", "no classes and holders that match this `regexp`")
	fs.StringVar(&o.gen, "gen", "", "only the `generation` old or young")
	fs.StringVar(&o.sample, "sample-index", string(report.InuseSpace), "which `value` of a profile: inuse_space, inuse_objects, alloc_space or alloc_objects")
	fs.BoolVar(&o.live, "live", false, "only what a full collection would keep")
	fs.BoolVar(&o.dead, "dead", false, "only garbage")
	return o
}

// check turns the flags into options. all says whether the user left --top open
// and the format is one for machines.
func (o *shown) check(all bool) error {
	var err error
	if o.Focus, err = pattern("--focus", o.focus); err != nil {
		return err
	}
	if o.Ignore, err = pattern("--ignore", o.ignore); err != nil {
		return err
	}
	switch o.gen {
	case "", string(report.Old), string(report.Young):
		o.Generation = report.Generation(o.gen)
	default:
		return cli.Usagef("--gen %s: want old or young", o.gen)
	}
	switch o.Sample = report.SampleIndex(o.sample); o.Sample {
	case report.InuseSpace, report.InuseObjects, report.AllocSpace, report.AllocObjects:
	default:
		return cli.Usagef("--sample-index %s: want inuse_space, inuse_objects, alloc_space or alloc_objects", o.sample)
	}
	switch {
	case o.live && o.dead:
		return cli.Usagef("--live and --dead leave nothing; give one of them")
	case o.live:
		o.State = report.Live
	case o.dead:
		o.State = report.Dead
	}
	if o.Top < 0 {
		return cli.Usagef("--top %d: want 0 or more", o.Top)
	}
	if all {
		o.Top = 0
	}
	return nil
}

func pattern(flag, s string) (*regexp.Regexp, error) {
	if s == "" {
		return nil, nil
	}
	re, err := regexp.Compile(s)
	if err != nil {
		return nil, cli.Usagef("%s: %w", flag, err)
	}
	return re, nil
}

// fits refuses a choice that the snapshots cannot answer.
func (o *shown) fits(snapshots []*heapdiff.Snapshot) error {
	for _, s := range snapshots {
		if (o.Generation != "" || o.State != "") && s.Generations == heapdiff.GenerationsUnknown {
			return fmt.Errorf("%s: --gen, --live and --dead need the generations, which are unknown; --map tells them", s.Source)
		}
		if o.Sample.Allocated() && (s.Sampling == nil || !s.Sampling.Allocations) {
			return fmt.Errorf("%s: --sample-index %s needs a profile that counts allocations, as Go's do", s.Source, o.sample)
		}
		if o.State != "" && !s.Reached {
			return fmt.Errorf("%s: --live and --dead need the references, which were not read", s.Source)
		}
	}
	return nil
}
