package setup

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// env reads variables and collects what is wrong with them, so that all mistakes are told at once.
type env struct {
	lookup func(name string) string
	errs   []error
}

func (e *env) get(name string) string { return strings.TrimSpace(e.lookup(name)) }

// wrong notes that the value of name cannot be used. Messages must not hold values that may be secret.
func (e *env) wrong(name, format string, args ...any) {
	e.errs = append(e.errs, fmt.Errorf(name+": "+format, args...))
}

func (e *env) err() error { return errors.Join(e.errs...) }

func (e *env) boolean(name string) bool {
	switch v := e.get(name); {
	case v == "" || strings.EqualFold(v, "false"):
	case strings.EqualFold(v, "true"):
		return true
	default:
		e.wrong(name, "%q is neither true nor false", v)
	}
	return false
}

// number checks that name is unset or a whole number of at least least. The SDK reads it again and
// does not trim, so we must not either. It answers -1 for unset.
func (e *env) number(name string, least int, unit string) int {
	v := e.lookup(name)
	if v == "" {
		return -1
	}
	n, err := strconv.Atoi(v)
	switch {
	case err != nil:
		e.wrong(name, "%q is not a whole number%s", v, unit)
	case n < least:
		e.wrong(name, "%d is less than %d", n, least)
	default:
		return n
	}
	return -1
}

// choice returns the value of name, or the first of known if it is unset.
func (e *env) choice(name string, known ...string) string {
	v := e.get(name)
	if v == "" {
		return known[0]
	}
	if !slices.Contains(known, v) {
		e.wrong(name, "%q is not one of %s", v, strings.Join(known, ", "))
		return known[0]
	}
	return v
}

// list returns the entries of name, a list with commas, without repetitions, or those of preset if
// it is unset. The entry none stands for nothing and must stand alone.
func (e *env) list(name, preset string, known ...string) []string {
	v := e.get(name)
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
			e.wrong(name, "%q is not supported: use %s or none", entry, strings.Join(known, ", "))
		}
	}
	if !slices.Contains(out, "none") {
		return out
	}
	if len(out) > 1 {
		e.wrong(name, "none cannot be combined with others, in %q", v)
	}
	return nil
}
