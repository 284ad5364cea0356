package setup

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/url"
	"os"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

const otlpPrefix = "OTEL_EXPORTER_OTLP_"

// otlpProtocol is how one signal is sent. All else the exporters read from the variables themselves.
type otlpProtocol struct {
	grpc bool
	// plain says that no endpoint is named, so that the specification's http://localhost applies;
	// left alone the exporters would choose https.
	plain bool
}

// otlp checks the exporters' variables, those that apply to c. The exporters would log what they
// cannot read, headers with their values, and go on without.
func (e *env) otlp(c config) (spans, metrics otlpProtocol) {
	traces, meters := slices.Contains(c.traces, "otlp"), slices.Contains(c.metrics, "otlp")
	if traces || meters {
		e.checkOTLP("")
	}
	if traces {
		e.checkOTLP("TRACES_")
		spans = e.protocol("TRACES_")
	}
	if meters {
		e.checkOTLP("METRICS_")
		metrics = e.protocol("METRICS_")
	}
	return spans, metrics
}

func (e *env) protocol(signal string) otlpProtocol {
	first := func(suffix string) string {
		if v := e.get(otlpPrefix + signal + suffix); v != "" {
			return v
		}
		return e.get(otlpPrefix + suffix)
	}
	return otlpProtocol{
		grpc:  first("PROTOCOL") == "grpc",
		plain: first("ENDPOINT") == "" && first("INSECURE") == "" && first("CERTIFICATE") == "" && first("CLIENT_CERTIFICATE") == "",
	}
}

func (e *env) checkOTLP(signal string) {
	prefix := otlpPrefix + signal
	if name := prefix + "PROTOCOL"; e.get(name) == "http/json" {
		e.wrong(name, "http/json is not supported: use http/protobuf or grpc")
	} else {
		e.choice(name, "http/protobuf", "grpc")
	}
	e.choice(prefix+"COMPRESSION", "none", "gzip")
	e.boolean(prefix + "INSECURE")
	e.number(prefix+"TIMEOUT", 0, " of milliseconds")
	e.checkEndpoint(prefix + "ENDPOINT")
	e.checkHeaders(prefix + "HEADERS")
	e.checkCertificates(prefix)
}

// checkEndpoint does not repeat the endpoint, which may hold a password.
func (e *env) checkEndpoint(name string) {
	v := e.get(name)
	if v == "" {
		return
	}
	u, err := url.Parse(v)
	switch {
	case err != nil:
		e.wrong(name, "not a URL: write it like http://localhost:4318")
	case u.Scheme == "unix" && u.Path != "":
	case u.Scheme != "http" && u.Scheme != "https":
		e.wrong(name, "the URL must begin with http:// or https://, like http://localhost:4318")
	case u.Host == "":
		e.wrong(name, "the URL names no host: write it like http://localhost:4318")
	}
}

// checkHeaders tells which entry is wrong, never what is in it.
func (e *env) checkHeaders(name string) {
	v := e.get(name)
	if v == "" {
		return
	}
	for i, entry := range strings.Split(v, ",") {
		key, value, ok := strings.Cut(entry, "=")
		switch _, err := url.PathUnescape(value); {
		case !ok:
			e.wrong(name, "entry %d is not of the form name=value", i+1)
		case !isToken(strings.TrimSpace(key)):
			e.wrong(name, "entry %d has no valid header name before its =", i+1)
		case err != nil:
			e.wrong(name, "the value of entry %d is not percent-encoded: %% must be followed by two hex digits", i+1)
		}
	}
}

// isToken reports whether s is a token as RFC 9110, section 5.6.2, has it for header names.
func isToken(s string) bool {
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("!#$%&'*+-.^_`|~", r):
		default:
			return false
		}
	}
	return s != ""
}

func (e *env) checkCertificates(prefix string) {
	if name := prefix + "CERTIFICATE"; e.get(name) != "" {
		pem, err := os.ReadFile(e.get(name))
		if err != nil {
			e.wrong(name, "%w", err)
		} else if !x509.NewCertPool().AppendCertsFromPEM(pem) {
			e.wrong(name, "%s holds no PEM certificate", e.get(name))
		}
	}
	cert, key := e.get(prefix+"CLIENT_CERTIFICATE"), e.get(prefix+"CLIENT_KEY")
	switch {
	case cert == "" && key == "":
	case key == "":
		e.wrong(prefix+"CLIENT_KEY", "must be set too, because %sCLIENT_CERTIFICATE is", prefix)
	case cert == "":
		e.wrong(prefix+"CLIENT_CERTIFICATE", "must be set too, because %sCLIENT_KEY is", prefix)
	default:
		if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
			e.wrong(prefix+"CLIENT_CERTIFICATE", "%w", err)
		}
	}
}

func (p otlpProtocol) spanExporter(ctx context.Context) (sdktrace.SpanExporter, error) {
	if p.grpc {
		var o []otlptracegrpc.Option
		if p.plain {
			o = append(o, otlptracegrpc.WithInsecure())
		}
		return otlptracegrpc.New(ctx, o...)
	}
	var o []otlptracehttp.Option
	if p.plain {
		o = append(o, otlptracehttp.WithInsecure())
	}
	return otlptracehttp.New(ctx, o...)
}

func (p otlpProtocol) metricExporter(ctx context.Context) (sdkmetric.Exporter, error) {
	if p.grpc {
		var o []otlpmetricgrpc.Option
		if p.plain {
			o = append(o, otlpmetricgrpc.WithInsecure())
		}
		return otlpmetricgrpc.New(ctx, o...)
	}
	var o []otlpmetrichttp.Option
	if p.plain {
		o = append(o, otlpmetrichttp.WithInsecure())
	}
	return otlpmetrichttp.New(ctx, o...)
}
