package sqltext

import (
	"strings"
	"unicode/utf8"
)

// Sanitize returns the text without its data: literals become a question mark, a list of them a single
// one, comments and needless space go. The result has at most limit bytes and is UTF-8.
//
// A name in double quotes is kept if it looks like one; some databases take it for a string if no column
// is called so. What is not closed counts as data up to the end.
func Sanitize(text string, d Dialect, limit int) string {
	out := make([]byte, 0, min(len(text), limit+1))
	l := lexer{rest: text, dialect: d}
	var comma, inList bool // what was read last is a literal; or is one and a comma, not written yet
	for len(out) <= limit {
		t := l.next()
		if t.kind == end {
			break
		}
		data := t.kind == literal || t.kind == identifier && !isName(t.text)
		if inList && !comma && t.text == "," {
			comma = true
			continue
		}
		if inList && comma && data {
			comma = false
			continue
		}
		if comma {
			out = append(out, ',')
		}
		if t.apart && len(out) > 0 {
			out = append(out, ' ')
		}
		if comma, inList = false, data; data {
			t.text = "?"
		}
		out = append(out, t.text...)
	}
	return bounded(strings.ToValidUTF8(string(out), "\uFFFD"), limit)
}

// isName reports whether a quoted identifier is one that a person would give.
func isName(quoted string) bool {
	if len(quoted) < 3 || len(quoted) > 66 || !isLetter(quoted[1]) {
		return false
	}
	if wordLength(quoted[1:]) != len(quoted)-2 {
		return false
	}
	last := quoted[len(quoted)-1]
	return last == quoted[0] || quoted[0] == '[' && last == ']'
}

// bounded cuts s to at most n bytes, between characters.
func bounded(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
