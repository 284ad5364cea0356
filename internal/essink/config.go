package essink

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// DefaultTimeout is how long an answer is waited for.
const DefaultTimeout = 90 * time.Second

// Config says where the server is and who we are to it.
type Config struct {
	URL      string // http:// or https://, without a user in it
	User     string // with Password, for basic authentication
	Password Secret
	APIKey   Secret        // the encoded form; instead of User
	CAFile   string        // certificates to trust instead of the system's, in PEM
	Timeout  time.Duration // for one request; 0: DefaultTimeout
}

// Secret is a string that prints as asterisks.
type Secret string

func (s Secret) String() string { return "***" }

// GoString is String for %#v.
func (s Secret) GoString() string { return "***" }

// check finds what is wrong with the Config. No error repeats the URL before it is
// known to hold no password.
func (c Config) check() (*url.URL, error) {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("the server's URL is not of the form http://host:port or https://host:port")
	case u.User != nil:
		return nil, errors.New("the server's URL holds a user: name it by itself, and its password in a file or the environment")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("the server's URL has more than a path: leave out what begins with ? or #")
	case c.APIKey != "" && c.User != "":
		return nil, errors.New("there are both a user and an API key: the server wants one of them")
	case (c.User == "") != (c.Password == ""):
		return nil, errors.New("a user and a password belong together")
	case strings.ContainsAny(string(c.APIKey)+string(c.Password)+c.User, "\r\n"):
		return nil, errors.New("the user, password or API key holds a line break")
	}
	return u, nil
}

// transport is the way to the server that both implementations take.
func (c Config) transport() (*transport, error) {
	u, err := c.check()
	if err != nil {
		return nil, err
	}
	base := http.DefaultTransport.(*http.Transport).Clone()
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read the certificates to trust: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read the certificates to trust: %s holds none in PEM", c.CAFile)
		}
		base.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &transport{base: base, url: u, config: c}, nil
}

// client returns an HTTP client for t. It follows no redirect: that would take the
// documents, and who we are, somewhere else.
func (c Config) client(t *transport) *http.Client {
	timeout := c.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	return &http.Client{
		Transport: t, Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
