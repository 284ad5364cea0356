package view

import (
	"strings"
	"unicode/utf8"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/internal/store"
)

// maxArgument is how many bytes of an argument a row shows; its details have
// all of it.
const maxArgument = 120

// argument is what a call was about where the span's name, which is of low
// cardinality by the semantic conventions, does not say so: the statement, the
// address, the destination.
func argument(s *store.Span) string {
	value := make(map[string]string, len(s.Attrs))
	for _, a := range s.Attrs {
		value[a.Key] = a.Value
	}
	keys := []string{"db.query.text", "messaging.destination.name", "url.full", "url.path"}
	if s.Kind == oteltrace.SpanKindClient {
		keys = append(keys, "server.address")
	}
	for _, key := range keys {
		text := value[key]
		if text == "" || strings.Contains(s.Name, text) {
			continue
		}
		if port := value["server.port"]; key == "server.address" && port != "" {
			text += ":" + port
		}
		return shortened(strings.Join(strings.Fields(text), " "))
	}
	return ""
}

// shortened cuts a text where a row would grow too long.
func shortened(s string) string {
	if len(s) <= maxArgument {
		return s
	}
	end := maxArgument
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
