package trace

import (
	"net/url"
	"strings"
)

const redacted = "REDACTED"

// secretParams are the query parameters whose values the semantic conventions (url.query, url.full)
// have redacted by default. Their case counts.
var secretParams = map[string]bool{
	"X-Amz-Signature":      true,
	"X-Amz-Credential":     true,
	"X-Amz-Security-Token": true,
	"X-Goog-Signature":     true,
	"sig":                  true,
	"AWSAccessKeyId":       true,
	"Signature":            true,
}

// credentialParams are the ordinary names under which credentials are put into query strings. The
// conventions leave them to the instrumentation ("SHOULD be scrubbed when instrumentations can
// identify it"). Case does not count: keys here are lower case.
var credentialParams = map[string]bool{
	"access_token":  true,
	"api_key":       true,
	"apikey":        true,
	"auth_token":    true,
	"authorization": true,
	"client_secret": true,
	"id_token":      true,
	"jwt":           true,
	"passwd":        true,
	"password":      true,
	"refresh_token": true,
	"secret":        true,
	"token":         true,
}

// redactQuery replaces the values of parameters known to be secret; everything else stays byte for
// byte. It does not allocate when there is nothing to hide.
func redactQuery(q string) string {
	var b strings.Builder
	kept := 0 // q[:kept] is in b, once anything had to be replaced
	for at := 0; at < len(q); {
		end := len(q)
		if i := strings.IndexAny(q[at:], "&;"); i >= 0 {
			end = at + i
		}
		if eq := strings.IndexByte(q[at:end], '='); eq >= 0 && at+eq+1 < end && isSecret(q[at:at+eq]) {
			b.WriteString(q[kept : at+eq+1])
			b.WriteString(redacted)
			kept = end
		}
		at = end + 1
	}
	if kept == 0 {
		return q
	}
	b.WriteString(q[kept:])
	return b.String()
}

func isSecret(key string) bool {
	if strings.ContainsAny(key, "%+") { // a server decodes the name before it looks, so must we
		if k, err := url.QueryUnescape(key); err == nil {
			key = k
		}
	}
	return secretParams[key] || credentialParams[strings.ToLower(key)]
}

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
			c.User = url.UserPassword(redacted, redacted)
		} else {
			c.User = url.User(redacted)
		}
	}
	return utf8Only(c.String())
}

// utf8Only replaces what is not UTF-8 by U+FFFD. OTLP's strings are protobuf strings: one bad byte
// in one attribute, say from a request for /%ff, makes the exporter throw a whole batch away.
func utf8Only(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
