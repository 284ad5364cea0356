package requestlog

import (
	"net/url"
	"os"
	"strings"
)

// serviceFrom reads the resource attributes that name the service from the
// variables OpenTelemetry's SDK reads. An entry that is malformed is left out, as
// the SDK does.
func serviceFrom(lookup func(string) string) map[string]string {
	s := map[string]string{}
	for entry := range strings.SplitSeq(lookup("OTEL_RESOURCE_ATTRIBUTES"), ",") {
		key, value, ok := strings.Cut(entry, "=")
		if value, err := url.PathUnescape(strings.TrimSpace(value)); ok && err == nil {
			s[strings.TrimSpace(key)] = value
		}
	}
	if name := lookup("OTEL_SERVICE_NAME"); name != "" {
		s["service.name"] = name
	}
	if host, err := os.Hostname(); err == nil && s["host.name"] == "" {
		s["host.name"] = host
	}
	return s
}
