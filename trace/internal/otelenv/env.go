// Package otelenv reads OpenTelemetry's environment variables and checks them, for whoever sets a
// program up: values are to mean what they mean to the SDK, and one that cannot be right is an error
// which names its variable, instead of a line in a log.
package otelenv

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Env reads variables and collects what is wrong with them, so that all mistakes are told at once.
type Env struct {
	lookup func(name string) string
	errs   []error
}

// New returns an Env that asks lookup, such as [os.Getenv], for values.
func New(lookup func(name string) string) *Env { return &Env{lookup: lookup} }

// Get returns the value of name without the space around it.
func (e *Env) Get(name string) string { return strings.TrimSpace(e.lookup(name)) }

// Wrong notes that the value of name cannot be used. Messages must not hold values that may be secret.
func (e *Env) Wrong(name, format string, args ...any) {
	e.errs = append(e.errs, fmt.Errorf(name+": "+format, args...))
}

// Err returns all that was wrong so far, or nil.
func (e *Env) Err() error { return errors.Join(e.errs...) }

// Boolean returns whether name is true; unset is false.
func (e *Env) Boolean(name string) bool {
	switch v := e.Get(name); {
	case v == "" || strings.EqualFold(v, "false"):
	case strings.EqualFold(v, "true"):
		return true
	default:
		e.Wrong(name, "%q is neither true nor false", v)
	}
	return false
}

// Number returns the value of name, which must be a whole number of at least least, and whether it is
// set. The SDK reads it again and does not trim, so we must not either.
func (e *Env) Number(name string, least int, unit string) (n int, set bool) {
	v := e.lookup(name)
	if v == "" {
		return 0, false
	}
	n, err := strconv.Atoi(v)
	switch {
	case err != nil:
		e.Wrong(name, "%q is not a whole number%s", v, unit)
	case n < least:
		e.Wrong(name, "%d is less than %d", n, least)
	default:
		return n, true
	}
	return 0, false
}

// Choice returns the value of name, or the first of known if it is unset.
func (e *Env) Choice(name string, known ...string) string {
	v := e.Get(name)
	if v == "" {
		return known[0]
	}
	if !slices.Contains(known, v) {
		e.Wrong(name, "%q is not one of %s", v, strings.Join(known, ", "))
		return known[0]
	}
	return v
}

// List returns the entries of name, a list with commas, without repetitions, or those of preset if
// it is unset. The entry none stands for nothing and must stand alone.
func (e *Env) List(name, preset string, known ...string) []string {
	v := e.Get(name)
	if v == "" {
		v = preset
	}
	var out []string
	for entry := range strings.SplitSeq(v, ",") {
		entry = strings.TrimSpace(entry)
		switch {
		case entry == "" || slices.Contains(out, entry):
		case entry == "none" || slices.Contains(known, entry):
			out = append(out, entry)
		default:
			e.Wrong(name, "%q is not supported: use %s or none", entry, strings.Join(known, ", "))
		}
	}
	if !slices.Contains(out, "none") {
		return out
	}
	if len(out) > 1 {
		e.Wrong(name, "none cannot be combined with others, in %q", v)
	}
	return nil
}
