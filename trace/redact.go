package trace

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/clewhq/clew/trace/internal/redact"
)

// redactQuery hides the values of the parameters of q that are known to be secret.
func redactQuery(q string) string { return redact.Query(q, nil) }

// fullURL is u as url.full wants it: without credentials, with secret parameters hidden, valid UTF-8.
func fullURL(u *url.URL) string {
	query := redactQuery(u.RawQuery)
	if u.User == nil && query == u.RawQuery {
		return utf8Only(u.String())
	}
	c := *u
	c.RawQuery = query
	if c.User != nil {
		if _, has := c.User.Password(); has {
			c.User = url.UserPassword(redact.Placeholder, redact.Placeholder)
		} else {
			c.User = url.User(redact.Placeholder)
		}
	}
	return utf8Only(c.String())
}

// utf8Only replaces what is not UTF-8 by U+FFFD. OTLP's strings are protobuf strings: one bad byte
// in one attribute, say from a request for /%ff, makes the exporter throw a whole batch away.
func utf8Only(s string) string {
	if utf8.ValidString(s) { // far the faster of the two
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
