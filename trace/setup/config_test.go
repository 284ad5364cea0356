package setup

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.opentelemetry.io/otel"
)

func TestWrongValuesNameTheirVariable(t *testing.T) {
	notPEM := filepath.Join(t.TempDir(), "not.pem")
	if err := os.WriteFile(notPEM, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, value, says string }{
		{"OTEL_SDK_DISABLED", "yes", `"yes" is neither true nor false`},
		{"OTEL_TRACES_EXPORTER", "zipkin", `"zipkin" is not supported: use otlp, console or none`},
		{"OTEL_TRACES_EXPORTER", "otlp,none", "none cannot be combined"},
		{"OTEL_METRICS_EXPORTER", "prometheus", `"prometheus" is not supported`},
		{"OTEL_PROPAGATORS", "tracecontext,xray", `"xray" is not supported: use tracecontext, baggage, b3`},
		{"OTEL_PROPAGATORS", "pinpoint", `pinpoint needs a name for this service`},
		{"OTEL_TRACES_SAMPLER", "allways_on", `"allways_on" is not one of parentbased_always_on, always_on`},
		{"OTEL_RESOURCE_ATTRIBUTES", "a=b,c", "entry 2 is not of the form key=value"},
		{"OTEL_RESOURCE_ATTRIBUTES", "=b", "entry 1 has no key"},
		{"OTEL_RESOURCE_ATTRIBUTES", "a=%zz", `the value of "a" is not percent-encoded`},
		{"OTEL_RESOURCE_ATTRIBUTES", "a=%ff", "entry 1 is not UTF-8"},
		{"OTEL_SERVICE_NAME", "a\xff", "is not UTF-8"},
		{"OTEL_BSP_SCHEDULE_DELAY", "5s", `"5s" is not a whole number of milliseconds`},
		{"OTEL_BSP_SCHEDULE_DELAY", "0", "0 is less than 1"},
		{"OTEL_BSP_MAX_QUEUE_SIZE", "-1", "-1 is less than 1"},
		{"OTEL_BSP_EXPORT_TIMEOUT", " 5", `" 5" is not a whole number`},
		{"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many", `"many" is not a whole number`},
		{"OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "1.5", `"1.5" is not a whole number`},
		{"OTEL_METRIC_EXPORT_INTERVAL", "1m", `"1m" is not a whole number of milliseconds`},
		{"OTEL_METRICS_EXEMPLAR_FILTER", "on", `"on" is not one of trace_based`},
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "http/json is not supported: use http/protobuf or grpc"},
		{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "udp", `"udp" is not one of http/protobuf, grpc`},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318", "must begin with http:// or https://"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://", "names no host"},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://a b:%", "not a URL"},
		{"OTEL_EXPORTER_OTLP_TIMEOUT", "10s", `"10s" is not a whole number of milliseconds`},
		{"OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", `"zstd" is not one of none, gzip`},
		{"OTEL_EXPORTER_OTLP_INSECURE", "1", `"1" is neither true nor false`},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE", "/does/not/exist", "no such file"},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE", notPEM, "holds no PEM certificate"},
		{"OTEL_EXPORTER_OTLP_CLIENT_KEY", notPEM, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: must be set too"},
		{"OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", notPEM, "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY: must be set too"},
		{"OTEL_EXPORTER_OTLP_METRICS_HEADERS", "a", "entry 1 is not of the form name=value"},
	} {
		t.Run(c.name+"="+c.value, func(t *testing.T) {
			setenv(t, "OTEL_METRICS_EXPORTER", "otlp", c.name, c.value)
			before := otel.GetTracerProvider()
			shutdown, err := Init(context.Background())
			if err == nil {
				_ = shutdown(context.Background())
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), c.name) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %q, want %q and %q", err, c.name, c.says)
			}
			if otel.GetTracerProvider() != before {
				t.Error("the globals have been set")
			}
			if err := shutdown(context.Background()); err != nil {
				t.Errorf("shutdown after a failure: %v", err)
			}
		})
	}
}

func TestSamplerArgument(t *testing.T) {
	for _, arg := range []string{"half", "-0.1", "1.1", "NaN"} {
		setenv(t, "OTEL_TRACES_SAMPLER", "traceidratio", "OTEL_TRACES_SAMPLER_ARG", arg)
		if _, err := Init(context.Background()); err == nil || !strings.Contains(err.Error(), "OTEL_TRACES_SAMPLER_ARG") {
			t.Errorf("%q: %v", arg, err)
		}
	}
}

func TestBatchLargerThanItsQueue(t *testing.T) {
	setenv(t, "OTEL_BSP_MAX_QUEUE_SIZE", "10", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "11")
	if _, err := Init(context.Background()); err == nil || !strings.Contains(err.Error(), "11 is more than OTEL_BSP_MAX_QUEUE_SIZE, which is 10") {
		t.Errorf("got %v", err)
	}
}

func TestAllMistakesAreToldAtOnce(t *testing.T) {
	setenv(t, "OTEL_TRACES_SAMPLER", "x", "OTEL_PROPAGATORS", "y", "OTEL_EXPORTER_OTLP_TIMEOUT", "z")
	_, err := Init(context.Background())
	for _, name := range []string{"OTEL_TRACES_SAMPLER", "OTEL_PROPAGATORS", "OTEL_EXPORTER_OTLP_TIMEOUT"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v does not name %s", err, name)
		}
	}
}

// Headers carry keys to paid services. Neither our errors nor the exporters' logs may show them.
func TestErrorsKeepSecrets(t *testing.T) {
	const secret = "s3cr3t"
	logged := hushed(t)
	for _, c := range [][2]string{
		{"OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer " + secret + "%zz"},
		{"OTEL_EXPORTER_OTLP_HEADERS", secret},
		{"OTEL_EXPORTER_OTLP_TRACES_HEADERS", secret + "/=x"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://user:" + secret + "@example.com"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:" + secret + "@exa mple.com:%"},
	} {
		setenv(t, c[0], c[1])
		_, err := Init(context.Background())
		if err == nil || !strings.Contains(err.Error(), c[0]) {
			t.Errorf("%v: got %v", c, err)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%q tells the secret", err)
		}
	}
	if strings.Contains(logged.String(), secret) {
		t.Errorf("%q tells the secret", logged)
	}
}

func TestVariablesOfASignalThatIsOffAreNotRead(t *testing.T) {
	if _, err := read(func(name string) string {
		return map[string]string{"OTEL_METRICS_EXPORTER": "none", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "odd"}[name]
	}); err != nil {
		t.Error(err)
	}
}

func TestDefaultEndpointIsPlain(t *testing.T) {
	for _, c := range []struct {
		name, value string
		plain       bool
	}{
		{"OTEL_SERVICE_NAME", "a", true},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "https://example.com", false},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://example.com", false},
	} {
		got, err := read(func(name string) string {
			if name == c.name {
				return c.value
			}
			return ""
		})
		if err != nil || got.spanProtocol.Plain != c.plain {
			t.Errorf("%s: plain is %v, %v", c.name, got.spanProtocol.Plain, err)
		}
	}
}
