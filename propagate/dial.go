package propagate

import (
	"context"
	"net"
	"runtime"
	"strings"
)

// DialContext wraps a dial function for use in an [net/http.Transport], whose
// goroutine that dials goes on to start the connection's read and write loops:
// they would carry the trace of the request that happened to dial first for as
// long as the connection lives. The wrapper takes the context off that
// goroutine once the dial is done; d itself still runs under it. Called on any
// other goroutine it changes nothing. A nil d means a zero [net.Dialer]'s.
func DialContext(d func(ctx context.Context, network, addr string) (net.Conn, error)) func(ctx context.Context, network, addr string) (net.Conn, error) {
	if d == nil {
		d = new(net.Dialer).DialContext
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := d(ctx, network, addr)
		if startedByHTTP() {
			Ref{}.Enter() // for good: this goroutine serves the connection now
		}
		return conn, err
	}
}

// startedByHTTP reports whether the running goroutine was started by net/http,
// so that its context is nobody's who comes back to it.
func startedByHTTP() bool {
	var entry string
	pcs := make([]uintptr, 64)
	for skip := 2; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs)
		for frames := runtime.CallersFrames(pcs[:n]); n > 0; {
			f, more := frames.Next()
			if f.Function != "runtime.goexit" && f.Function != "" {
				entry = f.Function
			}
			if !more {
				break
			}
		}
		if n < len(pcs) {
			return strings.HasPrefix(entry, "net/http.") || strings.HasPrefix(entry, "golang.org/x/net/http2.")
		}
	}
}
