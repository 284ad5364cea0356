// Package humanize writes quantities for people, in few characters and the same
// way in every report.
package humanize

import (
	"fmt"
	"strconv"
	"strings"
)

// Bytes writes n in decimal units with three digits at least: "0.58 MB".
func Bytes(n int64) string {
	v, sign := float64(n), ""
	if n < 0 {
		v, sign = -v, "-"
	}
	switch {
	case v < 10_000:
		return fmt.Sprintf("%s%.0f B", sign, v)
	case v < 100_000:
		return fmt.Sprintf("%s%.1f kB", sign, v/1e3)
	case v < 1e9:
		return fmt.Sprintf("%s%s MB", sign, digits(v/1e6))
	default:
		return fmt.Sprintf("%s%s GB", sign, digits(v/1e9))
	}
}

func digits(v float64) string {
	switch {
	case v < 10:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case v < 100:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
}

// Change is Bytes with a sign for growth.
func Change(n int64) string {
	if n > 0 {
		return "+" + Bytes(n)
	}
	return Bytes(n)
}

// Count writes n with a comma between thousands.
func Count(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	var b strings.Builder
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return sign + b.String()
}
