package view

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// millis writes nanoseconds as milliseconds to the microsecond, with the
// thousands apart: 1,310.042. Nothing at all is 0.
func millis(ns int64) string {
	us := (ns + 500) / 1000
	if ns == 0 {
		return "0"
	}
	return thousands(us/1000) + fmt.Sprintf(".%03d", us%1000)
}

// thousands writes n ≥ 0 with a comma between each three digits.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// count writes "1 span" or "2,000 spans".
func count(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return thousands(n) + " " + noun + "s"
}

// percent is part of whole in per cent, "<1" when it is little.
func percent(part, whole int64) string {
	if whole <= 0 {
		return ""
	}
	p := float64(part) * 100 / float64(whole)
	if p > 0 && p < 1 {
		return "<1"
	}
	return strconv.FormatFloat(p, 'f', 0, 64)
}

func clockTime(unixNano int64) string {
	return time.Unix(0, unixNano).Format("15:04:05.000")
}

func fullTime(unixNano int64) string {
	return time.Unix(0, unixNano).Format("2006-01-02T15:04:05.000000000Z07:00")
}

// visible writes out the characters that would change how the text around them
// is read, or hide themselves: a span's name must not pose as another.
func visible(s string) string {
	if !strings.ContainsFunc(s, unseen) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unseen(r) {
			fmt.Fprintf(&b, "‹U+%04X›", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func unseen(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
		return true
	}
	return r == '\u200b' || r == '\u2060' || r == '\ufeff' || r == '\u00ad'
}
