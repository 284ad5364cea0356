package listen

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
)

var errForeign = errors.New("requests of other web pages are not served")

// CheckPage says why a request to a local page is not to be served: a browser made
// it for another origin's page, other than by following a link, or under a name
// that is not one of hosts, localhost or an IP address. Somebody's own name that
// resolves to this address (DNS rebinding) would make his script the same origin
// as the page.
func CheckPage(req *http.Request, hosts []string) error {
	switch {
	case !hostAllowed(req.Host, hosts):
		return fmt.Errorf("host %.100q is not served: open the page by its IP address or as localhost", req.Host)
	case foreign(req):
		return errForeign
	}
	return nil
}

func foreign(req *http.Request) bool {
	switch req.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return false
	}
	return req.Header.Get("Sec-Fetch-Mode") != "navigate"
}

func hostAllowed(host string, hosts []string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if net.ParseIP(strings.Trim(host, "[]")) != nil {
		return true // nobody can point an address elsewhere
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost") ||
		slices.ContainsFunc(hosts, func(h string) bool { return strings.EqualFold(h, host) })
}
