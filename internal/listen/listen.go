// Package listen opens the ports of the programs that people run by hand, and
// keeps strangers from the pages that are served there.
package listen

import (
	"errors"
	"fmt"
	"net"
)

// TCP listens on addr, a host:port. Where that port is in use and orFree is
// set, it takes any free port of the same host; the listener tells which.
func TCP(addr string, orFree bool) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err == nil || !errors.Is(err, errInUse) {
		return l, err
	}
	if !orFree {
		return nil, fmt.Errorf("%w: choose another port, or 0 for a free one", err)
	}
	host, _, splitErr := net.SplitHostPort(addr)
	if splitErr != nil {
		return nil, err
	}
	return net.Listen("tcp", net.JoinHostPort(host, "0"))
}
