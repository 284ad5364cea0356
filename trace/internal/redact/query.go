// Package redact hides what must not be kept of a request.
package redact

import (
	"net/url"
	"strings"
)

// Placeholder stands where something was hidden.
const Placeholder = "REDACTED"

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

// Query replaces the values of the parameters of q that are known to be secret, and of those in more,
// whose keys are lower case; everything else stays byte for byte. It does not allocate when there is
// nothing to hide.
func Query(q string, more map[string]bool) string {
	var b strings.Builder
	kept := 0 // q[:kept] is in b, once anything had to be replaced
	for at := 0; at < len(q); {
		end := len(q)
		if i := strings.IndexAny(q[at:], "&;"); i >= 0 {
			end = at + i
		}
		if eq := strings.IndexByte(q[at:end], '='); eq >= 0 && at+eq+1 < end && isSecret(q[at:at+eq], more) {
			b.WriteString(q[kept : at+eq+1])
			b.WriteString(Placeholder)
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

func isSecret(key string, more map[string]bool) bool {
	if strings.ContainsAny(key, "%+") { // a server decodes the name before it looks, so must we
		if k, err := url.QueryUnescape(key); err == nil {
			key = k
		}
	}
	if secretParams[key] {
		return true
	}
	key = strings.ToLower(key)
	return credentialParams[key] || more[key]
}
