package otelenv

import (
	"testing"
	"time"
)

func env(pairs ...string) *Env {
	return New(func(name string) string {
		for i := 0; i+1 < len(pairs); i += 2 {
			if "OTEL_EXPORTER_OTLP_"+pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	})
}

// TestEndpoint: the variables and their order are those of the SDK's exporters.
func TestEndpoint(t *testing.T) {
	for _, c := range []struct {
		pairs []string
		want  string
		grpc  bool
	}{
		{nil, "http://localhost:4318/v1/traces", false},
		{[]string{"PROTOCOL", "grpc"}, "http://localhost:4317", true},
		{[]string{"PROTOCOL", "grpc", "TRACES_PROTOCOL", "http/protobuf"}, "http://localhost:4318/v1/traces", false},
		{[]string{"ENDPOINT", "https://a.example"}, "https://a.example/v1/traces", false},
		{[]string{"ENDPOINT", "https://a.example/base/"}, "https://a.example/base/v1/traces", false},
		{[]string{"ENDPOINT", "https://a.example", "TRACES_ENDPOINT", "http://b.example"}, "http://b.example/", false},
		{[]string{"TRACES_ENDPOINT", "http://b.example/as/it/is"}, "http://b.example/as/it/is", false},
		{[]string{"ENDPOINT", "http://a.example:1", "PROTOCOL", "grpc"}, "http://a.example:1", true},
		{[]string{"ENDPOINT", "https://a.example:1", "PROTOCOL", "grpc", "INSECURE", "true"}, "http://a.example:1", true},
		{[]string{"ENDPOINT", "http://a.example", "INSECURE", "true", "TRACES_INSECURE", "false"}, "https://a.example/v1/traces", false},
		{[]string{"INSECURE", "false"}, "https://localhost:4318/v1/traces", false},
		{[]string{"ENDPOINT", "unix:///run/otel.sock"}, "unix:///run/otel.sock", false},
	} {
		e := env(c.pairs...)
		e.CheckOTLP("")
		e.CheckOTLP(Traces)
		got := e.OTLP(Traces)
		if err := e.Err(); err != nil || got.Endpoint.String() != c.want || got.GRPC != c.grpc {
			t.Errorf("%v: %s, gRPC %v, %v; want %s", c.pairs, got.Endpoint, got.GRPC, err, c.want)
		}
	}
}

func TestOTLPValues(t *testing.T) {
	got := env("HEADERS", "a=1", "TRACES_HEADERS", " b = two%20words ,c=3", "TIMEOUT", "7", "TRACES_COMPRESSION", "gzip").OTLP(Traces)
	if len(got.Headers) != 2 || got.Headers["b"] != "two words" || got.Headers["c"] != "3" || got.Timeout != 7*time.Millisecond || !got.Gzip || got.TLS != nil {
		t.Errorf("got %+v", got)
	}
	if got := env().OTLP(Traces); got.Timeout != 10*time.Second || len(got.Headers) != 0 || got.Gzip {
		t.Errorf("got %+v", got)
	}
}
