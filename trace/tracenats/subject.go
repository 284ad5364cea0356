package tracenats

import (
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/clewhq/clew/trace/internal/messaging"
)

// temporary is what the conventions call a destination that is made for one reply.
const temporary = "(temporary)"

// longToken is how many characters a token with a digit has to have to be taken for an id.
const longToken = 16

// destination returns what messages of a subject are counted as. pattern is the subscription's that they
// have come by, empty if that is not known.
func (t *Tracer) destination(subject, pattern, group string) messaging.Destination {
	if pattern == "" || strings.HasPrefix(pattern, t.inbox) {
		pattern = subject // JetStream delivers to inboxes
	}
	switch {
	case strings.HasPrefix(subject, t.inbox):
		pattern = temporary
	case t.Template != nil:
		pattern = t.Template(subject)
	case pattern == subject:
		pattern = withoutIDs(subject)
	}
	return messaging.Destination{Name: pattern, Template: pattern != subject, Group: group}
}

// inboxOf returns how the subjects begin that conn makes for replies.
func inboxOf(conn *nats.Conn) string {
	if conn == nil || conn.Opts.InboxPrefix == "" {
		return nats.InboxPrefix
	}
	return conn.Opts.InboxPrefix + "."
}

// withoutIDs returns subject with * for the tokens that look like ids.
func withoutIDs(subject string) string {
	if !strings.ContainsAny(subject, "0123456789") {
		return subject
	}
	tokens := strings.Split(subject, ".")
	for i, token := range tokens {
		if isID(token) {
			tokens[i] = "*"
		}
	}
	return strings.Join(tokens, ".")
}

func isID(token string) bool {
	digits := 0
	for _, c := range []byte(token) {
		if c >= '0' && c <= '9' {
			digits++
		}
	}
	return digits > 0 && (digits == len(token) || len(token) >= longToken)
}
