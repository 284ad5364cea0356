package otelenv

import (
	"crypto/tls"
	"crypto/x509"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// The signals, as their variables have them.
const (
	Traces  = "TRACES_"
	Metrics = "METRICS_"
)

const otlpPrefix = "OTEL_EXPORTER_OTLP_"

// CheckOTLP checks the variables of one signal, or those that apply to all if signal is empty.
func (e *Env) CheckOTLP(signal string) {
	prefix := otlpPrefix + signal
	if name := prefix + "PROTOCOL"; e.Get(name) == "http/json" {
		e.Wrong(name, "http/json is not supported: use http/protobuf or grpc")
	} else {
		e.Choice(name, "http/protobuf", "grpc")
	}
	e.Choice(prefix+"COMPRESSION", "none", "gzip")
	e.Boolean(prefix + "INSECURE")
	e.Number(prefix+"TIMEOUT", 0, " of milliseconds")
	e.checkEndpoint(prefix + "ENDPOINT")
	e.checkHeaders(prefix + "HEADERS")
	e.checkCertificates(prefix)
}

// checkEndpoint does not repeat the endpoint, which may hold a password.
func (e *Env) checkEndpoint(name string) {
	v := e.Get(name)
	if v == "" {
		return
	}
	u, err := url.Parse(v)
	switch {
	case err != nil:
		e.Wrong(name, "not a URL: write it like http://localhost:4318")
	case u.Scheme == "unix" && u.Path != "":
	case u.Scheme != "http" && u.Scheme != "https":
		e.Wrong(name, "the URL must begin with http:// or https://, like http://localhost:4318")
	case u.Host == "":
		e.Wrong(name, "the URL names no host: write it like http://localhost:4318")
	}
}

// checkHeaders tells which entry is wrong, never what is in it.
func (e *Env) checkHeaders(name string) {
	v := e.Get(name)
	if v == "" {
		return
	}
	for i, entry := range strings.Split(v, ",") {
		key, value, ok := strings.Cut(entry, "=")
		switch _, err := url.PathUnescape(value); {
		case !ok:
			e.Wrong(name, "entry %d is not of the form name=value", i+1)
		case !isToken(strings.TrimSpace(key)):
			e.Wrong(name, "entry %d has no valid header name before its =", i+1)
		case err != nil:
			e.Wrong(name, "the value of entry %d is not percent-encoded: %% must be followed by two hex digits", i+1)
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

func (e *Env) checkCertificates(prefix string) {
	if name := prefix + "CERTIFICATE"; e.Get(name) != "" {
		pem, err := os.ReadFile(e.Get(name))
		if err != nil {
			e.Wrong(name, "%w", err)
		} else if !x509.NewCertPool().AppendCertsFromPEM(pem) {
			e.Wrong(name, "%s holds no PEM certificate", e.Get(name))
		}
	}
	cert, key := e.Get(prefix+"CLIENT_CERTIFICATE"), e.Get(prefix+"CLIENT_KEY")
	switch {
	case cert == "" && key == "":
	case key == "":
		e.Wrong(prefix+"CLIENT_KEY", "must be set too, because %sCLIENT_CERTIFICATE is", prefix)
	case cert == "":
		e.Wrong(prefix+"CLIENT_CERTIFICATE", "must be set too, because %sCLIENT_KEY is", prefix)
	default:
		if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
			e.Wrong(prefix+"CLIENT_CERTIFICATE", "%w", err)
		}
	}
}

// OTLP is how a signal is sent.
type OTLP struct {
	GRPC bool
	// Plain says that no endpoint is named, so that the specification's http://localhost applies;
	// left alone the SDK's exporters would choose https.
	Plain    bool
	Endpoint *url.URL // http, https or unix; for HTTP complete
	Headers  map[string]string
	TLS      *tls.Config   // nil: nothing said
	Timeout  time.Duration // of one attempt; 0: none
	Gzip     bool
}

// OTLP returns what has passed [Env.CheckOTLP] for signal; what has not is left out.
func (e *Env) OTLP(signal string) OTLP {
	first := func(suffix string) string {
		if v := e.Get(otlpPrefix + signal + suffix); v != "" {
			return v
		}
		return e.Get(otlpPrefix + suffix)
	}
	o := OTLP{
		GRPC:    first("PROTOCOL") == "grpc",
		Plain:   first("ENDPOINT") == "" && first("INSECURE") == "" && first("CERTIFICATE") == "" && first("CLIENT_CERTIFICATE") == "",
		Headers: headers(first("HEADERS")),
		Timeout: 10 * time.Second,
		Gzip:    first("COMPRESSION") == "gzip",
		TLS:     certificates(first("CERTIFICATE"), first("CLIENT_CERTIFICATE"), first("CLIENT_KEY")),
	}
	if ms, err := strconv.Atoi(first("TIMEOUT")); err == nil {
		o.Timeout = time.Duration(ms) * time.Millisecond
	}
	o.Endpoint = e.endpoint(signal, o)
	return o
}

func (e *Env) endpoint(signal string, o OTLP) *url.URL {
	u := &url.URL{Scheme: "https", Host: "localhost:4318"}
	if o.GRPC {
		u.Host = "localhost:4317"
	}
	if o.Plain {
		u.Scheme = "http"
	}
	path := "/v1/" + strings.ToLower(strings.TrimSuffix(signal, "_"))
	if v, err := url.Parse(e.Get(otlpPrefix + signal + "ENDPOINT")); err == nil && v.Scheme != "" {
		u = v
		if path = u.Path; path == "" { // else as it stands
			path = "/"
		}
	} else if v, err := url.Parse(e.Get(otlpPrefix + "ENDPOINT")); err == nil && v.Scheme != "" {
		u = v
		path = strings.TrimRight(u.Path, "/") + path
	}
	if u.Scheme == "unix" {
		return u
	}
	if !o.GRPC {
		u.Path = path
	}
	// As in the SDK this prevails over the scheme, and one signal's over what is said for all.
	for _, name := range []string{otlpPrefix + signal + "INSECURE", otlpPrefix + "INSECURE"} {
		switch v := e.Get(name); {
		case strings.EqualFold(v, "true"):
			u.Scheme = "http"
			return u
		case v != "":
			u.Scheme = "https"
			return u
		}
	}
	return u
}

func headers(list string) map[string]string {
	m := map[string]string{}
	for entry := range strings.SplitSeq(list, ",") {
		key, value, ok := strings.Cut(entry, "=")
		decoded, err := url.PathUnescape(value)
		if ok && err == nil {
			m[strings.TrimSpace(key)] = strings.TrimSpace(decoded)
		}
	}
	return m
}

func certificates(authorities, cert, key string) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if pem, err := os.ReadFile(authorities); err == nil && authorities != "" {
		c.RootCAs = x509.NewCertPool()
		c.RootCAs.AppendCertsFromPEM(pem)
	}
	if pair, err := tls.LoadX509KeyPair(cert, key); err == nil && cert != "" {
		c.Certificates = []tls.Certificate{pair}
	}
	if c.RootCAs == nil && c.Certificates == nil {
		return nil
	}
	return c
}
