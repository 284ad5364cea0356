package sqltext

import (
	"strings"
	"unicode/utf8"
)

type kind uint8

const (
	end        kind = iota
	word            // a keyword or a plain identifier
	identifier      // a quoted one
	literal         // a string or a number
	parameter       // ?, $1, :name, @name
	symbol          // one character of anything else
)

// token is a piece of a text. Space and comments lie between tokens.
type token struct {
	kind kind
	text string
	// apart: something lay between this token and the one before.
	apart bool
}

// is reports whether t is the keyword, which is in capitals.
func (t token) is(keyword string) bool { return t.kind == word && strings.EqualFold(t.text, keyword) }

// names reports whether t may be the name of a table.
func (t token) names() bool { return t.kind == word || t.kind == identifier && isName(t.text) }

// lexer splits a text into tokens. Whatever is not closed reaches to the end of the text.
type lexer struct {
	rest    string
	dialect Dialect
}

func (l *lexer) next() token {
	before := len(l.rest)
	l.skip()
	t := token{apart: len(l.rest) != before}
	if l.rest == "" {
		return t
	}
	n := 0
	t.kind, n = l.measure()
	t.text, l.rest = l.rest[:n], l.rest[n:]
	return t
}

// skip passes over space and comments.
func (l *lexer) skip() {
	for l.rest != "" {
		switch c := l.rest[0]; {
		case c <= ' ':
			l.rest = l.rest[1:]
		case strings.HasPrefix(l.rest, "--"), c == '#' && l.dialect == MySQL:
			_, l.rest, _ = strings.Cut(l.rest, "\n")
		case strings.HasPrefix(l.rest, "/*"):
			l.rest = l.rest[l.comment():]
		default:
			return
		}
	}
}

// comment returns the length of the comment that the rest begins with.
func (l *lexer) comment() int {
	depth, i := 1, 2
	for i < len(l.rest) {
		switch {
		case strings.HasPrefix(l.rest[i:], "*/"):
			i += 2
			if depth--; depth == 0 {
				return i
			}
		case l.dialect == PostgreSQL && strings.HasPrefix(l.rest[i:], "/*"):
			depth++
			i += 2
		default:
			i++
		}
	}
	return i
}

// measure returns the kind and the length of the token that the rest begins with.
func (l *lexer) measure() (kind, int) {
	s := l.rest
	switch c := s[0]; {
	case c == '\'':
		return literal, quoted(s, '\'', l.dialect == MySQL)
	case c == '"' && l.dialect == MySQL:
		return literal, quoted(s, '"', true)
	case c == '"', c == '`':
		return identifier, quoted(s, c, false)
	case c == '[' && (l.dialect == SQLServer || l.dialect == SQLite):
		return identifier, quoted(s, ']', false)
	case isDigit(c), c == '.' && len(s) > 1 && isDigit(s[1]):
		return literal, number(s)
	case c == '$':
		return l.dollar()
	case c == '?':
		return parameter, 1
	case (c == ':' || c == '@') && len(s) > 1 && (isLetter(s[1]) || isDigit(s[1])):
		return parameter, 1 + wordLength(s[1:])
	case isLetter(c):
		return l.word()
	}
	_, n := utf8.DecodeRuneInString(s)
	return symbol, n
}

// word measures a word, or the string that it is the prefix of, such as N” and E”.
func (l *lexer) word() (kind, int) {
	s := l.rest
	n := wordLength(s)
	if n >= len(s) || s[n] != '\'' {
		return word, n
	}
	switch prefix := s[:n]; {
	case strings.EqualFold(prefix, "E") && l.dialect == PostgreSQL:
		return literal, n + quoted(s[n:], '\'', true)
	case l.dialect == Oracle && (strings.EqualFold(prefix, "Q") || strings.EqualFold(prefix, "NQ")):
		return literal, n + delimited(s[n:])
	case n == 1 || strings.HasPrefix(prefix, "_"): // N, X, B, and MySQL's _utf8mb4
		return literal, n + quoted(s[n:], '\'', l.dialect == MySQL)
	}
	return word, n
}

// dollar measures $1, or a string in PostgreSQL's dollar quotes.
func (l *lexer) dollar() (kind, int) {
	s := l.rest
	n := 1
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	if n > 1 {
		return parameter, n
	}
	n += wordLengthWithout(s[1:], '$')
	if n < len(s) && s[n] == '$' && l.dialect == PostgreSQL {
		tag := s[:n+1]
		if i := strings.Index(s[len(tag):], tag); i >= 0 {
			return literal, i + 2*len(tag)
		}
		return literal, len(s)
	}
	if n > 1 {
		return parameter, n
	}
	return symbol, 1
}

// quoted measures what begins with a quote and ends with mark; a doubled mark is one of its characters,
// and what follows a backslash is if there are escapes. Where there should be none, a string with \' in
// it may still be one with an escape, by a setting of the server: it is taken to have no end, so that no
// part of it is taken for something else. Only '\' itself is common, behind ESCAPE.
func quoted(s string, mark byte, escapes bool) int {
	for i := 1; i < len(s); i++ {
		switch {
		case escapes && s[i] == '\\':
			i++
		case mark == '\'' && i > 1 && strings.HasPrefix(s[i:], `\'`):
			return len(s)
		case s[i] != mark:
		case i+1 < len(s) && s[i+1] == mark:
			i++
		default:
			return i + 1
		}
	}
	return len(s)
}

// delimited measures Oracle's '[…]', in which any character may stand for the brackets.
func delimited(s string) int {
	if len(s) < 2 {
		return len(s)
	}
	r, n := utf8.DecodeRuneInString(s[1:])
	mark := string(r)
	if i := strings.IndexRune("[{(<", r); i >= 0 {
		mark = "]})>"[i : i+1]
	}
	i := strings.Index(s[1+n:], mark+"'")
	if i < 0 {
		return len(s)
	}
	return 1 + n + i + len(mark) + 1
}

// number measures 12, 1.5e-3, 0xff and what else begins with a digit.
func number(s string) int {
	i := 1
	for i < len(s) && (isDigit(s[i]) || isLetter(s[i]) || s[i] == '.' ||
		(s[i] == '-' || s[i] == '+') && (s[i-1] == 'e' || s[i-1] == 'E')) {
		i++
	}
	return i
}

func wordLength(s string) int { return wordLengthWithout(s, 0) }

func wordLengthWithout(s string, but byte) int {
	i := 0
	for i < len(s) && (isLetter(s[i]) || isDigit(s[i]) || s[i] == '$') && s[i] != but {
		i++
	}
	return i
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isLetter takes whatever is not ASCII for a letter, as databases do.
func isLetter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= utf8.RuneSelf
}
