package requestlog

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/clewhq/clew/trace/internal/redact"
)

// maxText bounds every string that a client can choose, in bytes: with the header
// allow-list it bounds the document.
const maxText = 4 << 10

// plain are the bytes that stand for themselves in a JSON string.
var plain = func() (t [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string. What is not UTF-8 becomes U+FFFD, and
// what is longer than maxText is cut.
func appendString(b []byte, s string) []byte {
	cut := len(s) > maxText
	if cut {
		s = cutText(s)
	}
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plain[c] {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
			b = append(b, s[from:i]...)
			b = append(b, "\uFFFD"...)
		} else {
			b = append(b, s[from:i]...)
			b = appendEscape(b, c)
		}
		i++
		from = i
	}
	b = append(b, s[from:]...)
	if cut {
		b = append(b, "…"...)
	}
	return append(b, '"')
}

// cutText returns what of s fits into maxText without half a character at the end.
func cutText(s string) string {
	end := maxText
	for end > maxText-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

func appendEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// appendText is appendString for what a client can choose: cards are hidden.
func appendText(b []byte, s string) []byte { return appendString(b, redact.Cards(s)) }

func appendInt(b []byte, n int64) []byte { return strconv.AppendInt(b, n, 10) }

// appendTime appends t in UTC with nanoseconds, as ISO 8601 has it.
func appendTime(b []byte, t time.Time) []byte {
	b = append(b, '"')
	b = t.UTC().AppendFormat(b, time.RFC3339Nano)
	return append(b, '"')
}

// appendHex appends an id as a JSON string.
func appendHex(b, id []byte) []byte {
	b = append(b, '"')
	for _, c := range id {
		b = append(b, hexDigits[c>>4], hexDigits[c&15])
	}
	return append(b, '"')
}
