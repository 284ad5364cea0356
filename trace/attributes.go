package trace

import (
	"math"
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
	switch method {
	case http.MethodGet:
		return http.MethodGet, true
	case http.MethodPost:
		return http.MethodPost, true
	case http.MethodHead:
		return http.MethodHead, true
	case http.MethodPut:
		return http.MethodPut, true
	case http.MethodDelete:
		return http.MethodDelete, true
	case http.MethodOptions:
		return http.MethodOptions, true
	case http.MethodPatch:
		return http.MethodPatch, true
	case http.MethodConnect:
		return http.MethodConnect, true
	case http.MethodTrace:
		return http.MethodTrace, true
	case "QUERY":
		return "QUERY", true
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
// conventions do not know is named HTTP. The pattern, if the route is from one, often is the name.
func spanName(method, pattern, route string) string {
	if method == otherMethod {
		method = "HTTP"
	}
	switch n := len(method); {
	case route == "":
		return method
	case len(pattern) == n+1+len(route) && pattern[:n] == method && pattern[n] == ' ' && pattern[n+1:] == route:
		return pattern
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

// maxServerAttributes is how many [appendServerAttributes] adds at most, and how many are added at the
// end: three by [appendConnectionAttributes] and five of the outcome.
const maxServerAttributes = 10

// appendServerAttributes adds what samplers are to see, so it is there before the handler runs: what the
// conventions ask for at the start of a span.
func appendServerAttributes(kv []attribute.KeyValue, r *http.Request) []attribute.KeyValue {
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
	host, port := splitAddress(r.Host)
	kv = appendAddress(kv, host, port, semconv.ServerAddressKey, semconv.ServerPortKey)
	if client := clientAddress(r); client != "" {
		kv = append(kv, semconv.ClientAddress(client))
	}
	if ua := r.UserAgent(); ua != "" {
		kv = append(kv, semconv.UserAgentOriginal(utf8Only(ua)))
	}
	return kv
}

// appendConnectionAttributes adds what no sampler asks for.
func appendConnectionAttributes(kv []attribute.KeyValue, r *http.Request) []attribute.KeyValue {
	peer, port := splitAddress(r.RemoteAddr)
	kv = appendAddress(kv, peer, port, semconv.NetworkPeerAddressKey, semconv.NetworkPeerPortKey)
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

// clientAddress is the client behind the proxies, by their word, else the peer. A header that holds no
// address is not repeated.
func clientAddress(r *http.Request) string {
	if a := forwarded(r, "X-Forwarded-For"); a != "" {
		host, _ := splitAddress(a)
		if ip, err := netip.ParseAddr(host); err == nil {
			return ip.String()
		}
	}
	peer, _ := splitAddress(r.RemoteAddr)
	if peer == nameless {
		return ""
	}
	return utf8Only(peer)
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

func appendAddress(kv []attribute.KeyValue, host string, port int, address, portKey attribute.Key) []attribute.KeyValue {
	if host == "" || host == nameless {
		return kv
	}
	kv = append(kv, address.String(utf8Only(host)))
	if port > 0 {
		kv = append(kv, portKey.Int(port))
	}
	return kv
}

// splitAddress splits "host:port", "host", "[v6]:port", "[v6]" and "v6". The port is 0 if there is none.
func splitAddress(s string) (host string, port int) {
	host, digits, found := strings.Cut(s, ":")
	if !found {
		return s, 0 // and no error to allocate
	}
	if port, ok := decimal(digits); ok && strings.IndexByte(host, '[') < 0 && strings.IndexByte(host, ']') < 0 {
		return host, port // the common case
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

// decimal reads a port of one to five digits.
func decimal(s string) (n int, ok bool) {
	if s == "" || len(s) > 5 {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = 10*n + int(s[i]-'0')
	}
	return n, n <= math.MaxUint16
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
