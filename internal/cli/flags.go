package cli

import (
	"errors"
	"strconv"
	"time"

	"github.com/spf13/pflag"
)

// Duration adds -d/--duration: how long to measure. Zero, the default, is until
// a signal comes or the work is done; usage says which.
func Duration(fs *pflag.FlagSet, usage string) *time.Duration {
	return DurationVar(fs, "duration", "d", 0, usage)
}

// Every adds --every: the time between two reports or samples.
func Every(fs *pflag.FlagSet, value time.Duration, usage string) *time.Duration {
	return DurationVar(fs, "every", "", value, usage)
}

// Count adds --count: after how many reports or samples to end. Zero, the
// default, is no limit.
func Count(fs *pflag.FlagSet, usage string) *int { return positive(fs, "count", "", usage) }

// PID adds -p/--pid: the process to look at. Zero, the default, is none named.
func PID(fs *pflag.FlagSet, usage string) *int { return positive(fs, "pid", "p", usage) }

// DurationVar adds a flag that takes a time above 0, in Go's notation ("1m30s")
// or as a plain number of seconds ("90"), as perf and strace do. A default of 0
// is not shown in the help.
func DurationVar(fs *pflag.FlagSet, name, short string, value time.Duration, usage string) *time.Duration {
	d := durationValue(value)
	fs.VarP(&d, name, short, usage)
	return (*time.Duration)(&d)
}

type durationValue time.Duration

func (d *durationValue) Set(s string) error {
	v, err := time.ParseDuration(s)
	if err != nil {
		v, err = time.ParseDuration(s + "s")
	}
	if err != nil {
		return errors.New(`want a time such as 90, 1m30s or 500ms`)
	}
	if v <= 0 {
		return errors.New("want a time above 0")
	}
	*d = durationValue(v)
	return nil
}

func (d *durationValue) String() string {
	if *d == 0 {
		return ""
	}
	return time.Duration(*d).String()
}

func (d *durationValue) Type() string { return "time" }

func positive(fs *pflag.FlagSet, name, short, usage string) *int {
	var n positiveValue
	fs.VarP(&n, name, short, usage)
	return (*int)(&n)
}

type positiveValue int

func (n *positiveValue) Set(s string) error {
	v, err := strconv.Atoi(s)
	if err != nil || v < 1 {
		return errors.New("want a whole number above 0")
	}
	*n = positiveValue(v)
	return nil
}

func (n *positiveValue) String() string {
	if *n == 0 {
		return ""
	}
	return strconv.Itoa(int(*n))
}

func (n *positiveValue) Type() string { return "number" }
