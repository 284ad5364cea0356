package trace

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// otherMethod is http.request.method for methods that the conventions do not know, which a client
// could otherwise use to make as many names as it likes.
const otherMethod = "_OTHER"

// nameless is the address that net has for the other end of a Unix socket.
const nameless = "@"

// knownMethod returns the method as a constant, if it is one of RFC 9110, PATCH or QUERY. What a
// request holds is a part of its whole first line, which nothing that is kept should keep.
func knownMethod(method string) (string, bool) {
	for _, m := range [...]string{
		http.MethodGet, http.MethodPost, http.MethodHead, http.MethodPut, http.MethodDelete,
		http.MethodOptions, http.MethodPatch, http.MethodConnect, http.MethodTrace, "QUERY",
	} {
		if m == method {
			return m, true
		}
	}
	return "", false
}

// methodOf returns http.request.method, and the method as it came if that is another.
func methodOf(r *http.Request) (method, original string) {
	if r.Method == "" {
		return http.MethodGet, "" // what net/http sends for it
	}
	if m, ok := knownMethod(r.Method); ok {
		return m, ""
	}
	return otherMethod, utf8Only(r.Method)
}

// spanName is "{method} {route}", or the method alone where there is no route; a method that the
// conventions do not know is named HTTP.
func spanName(method, route string) string {
	if method == otherMethod {
		method = "HTTP"
	}
	if route == "" {
		return method
	}
	return method + " " + route
}

// routeOf is http.route for a pattern of [http.ServeMux], which may begin with a method and a host.
func routeOf(pattern string) string {
	if i := strings.IndexByte(pattern, '/'); i >= 0 {
		return utf8Only(pattern[i:])
	}
	return ""
}

// serverAttributes are known before the handler runs, so that samplers see them.
func serverAttributes(r *http.Request) []attribute.KeyValue {
	kv := make([]attribute.KeyValue, 0, 14)
	method, original := methodOf(r)
	kv = append(kv, semconv.HTTPRequestMethodKey.String(method), semconv.URLScheme(schemeOf(r)))
	if original != "" {
		kv = append(kv, semconv.HTTPRequestMethodOriginal(original))
	}
	if r.URL != nil {
		kv = append(kv, semconv.URLPath(utf8Only(r.URL.Path)))
		if r.URL.RawQuery != "" {
			kv = append(kv, semconv.URLQuery(utf8Only(redactQuery(r.URL.RawQuery))))
		}
	}
	if route := routeOf(r.Pattern); route != "" {
		kv = append(kv, semconv.HTTPRoute(route))
	}
	kv = appendAddress(kv, r.Host, semconv.ServerAddress, semconv.ServerPort)
	kv = appendAddress(kv, r.RemoteAddr, semconv.NetworkPeerAddress, semconv.NetworkPeerPort)
	if client := clientAddress(r); client != "" {
		kv = append(kv, semconv.ClientAddress(client))
	}
	if ua := r.UserAgent(); ua != "" {
		kv = append(kv, semconv.UserAgentOriginal(utf8Only(ua)))
	}
	if v := protocolVersion(r.ProtoMajor, r.ProtoMinor); v != "" {
		kv = append(kv, semconv.NetworkProtocolVersion(v))
	}
	return kv
}

// clientAttributes are known before the request is sent, so that samplers see them.
func clientAttributes(r *http.Request) []attribute.KeyValue {
	kv := make([]attribute.KeyValue, 0, 6)
	method, original := methodOf(r)
	kv = append(kv, semconv.HTTPRequestMethodKey.String(method))
	if original != "" {
		kv = append(kv, semconv.HTTPRequestMethodOriginal(original))
	}
	if r.URL == nil {
		return kv
	}
	host, port := serverOf(r)
	kv = append(kv, semconv.ServerAddress(host), semconv.URLFull(fullURL(r.URL)))
	if port > 0 {
		kv = append(kv, semconv.ServerPort(port))
	}
	return kv
}

// serverOf is where a client's request goes: server.port is required there, also when it is the
// scheme's own.
func serverOf(r *http.Request) (host string, port int) {
	host, port = splitAddress(r.URL.Host)
	if port == 0 {
		switch r.URL.Scheme {
		case "http", "ws":
			port = 80
		case "https", "wss":
			port = 443
		}
	}
	return utf8Only(host), port
}

// schemeOf is the scheme that the client used, which a proxy in front of us tells.
func schemeOf(r *http.Request) string {
	switch proto := forwarded(r, "X-Forwarded-Proto"); {
	case strings.EqualFold(proto, "https"):
		return "https"
	case strings.EqualFold(proto, "http"):
		return "http"
	}
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// clientAddress is the client behind the proxies, by their word, else the peer. A header that holds
// no address is not repeated.
func clientAddress(r *http.Request) string {
	if a := forwarded(r, "X-Forwarded-For"); a != "" {
		host, _ := splitAddress(a)
		if ip, err := netip.ParseAddr(host); err == nil {
			return ip.String()
		}
	}
	host, _ := splitAddress(r.RemoteAddr)
	if host == nameless {
		return ""
	}
	return utf8Only(host)
}

// forwarded returns the first entry of a proxy's header: the one nearest to the client.
func forwarded(r *http.Request, name string) string {
	v := r.Header[name]
	if len(v) == 0 {
		return ""
	}
	first, _, _ := strings.Cut(v[0], ",")
	return strings.TrimSpace(first)
}

func appendAddress(kv []attribute.KeyValue, hostport string, address func(string) attribute.KeyValue, port func(int) attribute.KeyValue) []attribute.KeyValue {
	host, p := splitAddress(hostport)
	if host == "" || host == nameless {
		return kv
	}
	kv = append(kv, address(utf8Only(host)))
	if p > 0 {
		kv = append(kv, port(p))
	}
	return kv
}

// splitAddress splits "host:port", "host", "[v6]:port", "[v6]" and "v6". The port is 0 if there is none.
func splitAddress(s string) (host string, port int) {
	if !strings.Contains(s, ":") {
		return s, 0 // and no error to allocate
	}
	host, digits, err := net.SplitHostPort(s)
	if err != nil {
		return strings.Trim(s, "[]"), 0
	}
	p, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return host, 0
	}
	return host, int(p)
}

// protocolVersion is network.protocol.version as the conventions spell it: 1.0, 1.1, 2, 3.
func protocolVersion(major, minor int) string {
	switch {
	case major == 1 && minor == 1:
		return "1.1"
	case major == 1 && minor == 0:
		return "1.0"
	case major >= 2:
		return strconv.Itoa(major)
	}
	return ""
}
