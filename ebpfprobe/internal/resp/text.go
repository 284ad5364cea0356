package resp

import (
	"strconv"
	"strings"
)

// secrets are the commands whose arguments are never shown.
var secrets = map[string]bool{
	"AUTH": true, "HELLO": true, "ACL": true, "CONFIG": true, "MIGRATE": true, "REPLICAOF": true, "SENTINEL": true,
}

// Text writes the first request of what a server read for people to read:
// arguments that are not plain are quoted, what is cut off is an ellipsis. Arguments
// of commands that carry passwords are question marks.
func Text(b []byte) string {
	words, whole := split(b)
	if len(words) == 0 {
		return ""
	}
	out := []string{upper([]byte(words[0]))}
	hide := secrets[out[0]]
	for _, w := range words[1:] {
		switch {
		case hide:
			out = append(out, "?")
		case w == "" || strings.ContainsFunc(w, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' }):
			out = append(out, strconv.QuoteToASCII(w))
		default:
			out = append(out, w)
		}
	}
	if !whole {
		out = append(out, "…")
	}
	return strings.Join(out, " ")
}

// split returns the words of the first request in b, and whether all of it is
// there.
func split(b []byte) (words []string, whole bool) {
	if len(b) == 0 {
		return nil, true
	}
	if b[0] != '*' {
		line, _, whole := strings.Cut(string(b), "\n")
		return strings.Fields(line), whole
	}
	count, n := header(b)
	if n <= 0 {
		return nil, false
	}
	b = b[n:]
	for range min(count, int64(len(b))) {
		if len(b) == 0 || b[0] != '$' {
			return words, false
		}
		size, n := header(b)
		if n <= 0 || size < 0 {
			return words, false
		}
		b = b[n:]
		if int64(len(b)) < size+2 {
			return append(words, string(b[:min(int64(len(b)), size)])), false
		}
		words = append(words, string(b[:size]))
		b = b[size+2:]
	}
	return words, int64(len(words)) == count
}
