package pinpoint

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"strings"

	oteltrace "go.opentelemetry.io/otel/trace"
)

const (
	// maxAgent is the longest agent id that Pinpoint takes.
	maxAgent = 24
	// maxText bounds a transaction id: the agent and two numbers of 64 bits.
	maxText = maxAgent + 2*(1+20)
	// ours begins the agent of a transaction id that holds a trace id.
	ours = "c."
)

// traceIDOf returns the trace id that stands for a transaction id, which must be wellFormed.
func traceIDOf(text string) (id oteltrace.TraceID) {
	agent, _, _ := strings.Cut(text, "^")
	if code, ok := strings.CutPrefix(agent, ours); ok && len(agent) == maxAgent {
		if b, err := base64.RawURLEncoding.DecodeString(code); err == nil && len(b) == len(id) {
			return oteltrace.TraceID(b)
		}
	}
	sum := sha256.Sum256([]byte(text))
	return oteltrace.TraceID(sum[:len(id)])
}

// textOf returns a transaction id from which traceIDOf reads id back.
func textOf(id oteltrace.TraceID) string {
	return ours + base64.RawURLEncoding.EncodeToString(id[:]) + "^0^0"
}

// wellFormed reports whether text is agent^start^sequence.
func wellFormed(text string) bool {
	if len(text) > maxText {
		return false
	}
	agent, rest, _ := strings.Cut(text, "^")
	start, sequence, _ := strings.Cut(rest, "^")
	return validName(agent) && len(agent) <= maxAgent && isNumber(start) && isNumber(sequence)
}

func isNumber(s string) bool {
	_, err := strconv.ParseInt(s, 10, 64)
	return err == nil
}

// validName reports whether Pinpoint takes s for the name of an application or agent.
func validName(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '_' && r != '-'
	}) < 0
}

// parseSpanID reads a span id as Pinpoint writes it, a signed decimal number. Pinpoint's own "none",
// -1, is no id, nor is 0, which OpenTelemetry has no use for.
func parseSpanID(s string) (id oteltrace.SpanID, ok bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n == 0 || n == -1 {
		return id, false
	}
	binary.BigEndian.PutUint64(id[:], uint64(n))
	return id, true
}

func formatSpanID(id oteltrace.SpanID) string {
	return strconv.FormatInt(int64(binary.BigEndian.Uint64(id[:])), 10)
}
