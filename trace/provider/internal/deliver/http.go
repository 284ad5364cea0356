package deliver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

type httpClient struct {
	cfg    Config
	client *http.Client
	url    string
	gzip   *gzipper // nil: not wanted
}

func newHTTP(c Config) *httpClient {
	h := &httpClient{cfg: c, client: c.Client, url: c.Endpoint.String(), gzip: newGzipper(c.Gzip)}
	if h.client != nil {
		return h
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = c.TLS
	if c.Endpoint.Scheme == "unix" {
		path := c.Endpoint.Path
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}
		h.url = "http://localhost/v1/traces"
	}
	h.client = &http.Client{Transport: t}
	return h
}

// Close implements [Client].
func (h *httpClient) Close() error {
	if h.cfg.Client == nil {
		h.client.CloseIdleConnections()
	}
	return nil
}

// Send implements [Client].
func (h *httpClient) Send(ctx context.Context, p Payload) (Answer, error) {
	if h.cfg.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, h.cfg.Timeout)
		defer cancel()
	}
	if h.gzip != nil {
		p = h.gzip.compress(p)
	}
	var bodies bodies
	defer bodies.release()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, nil)
	if err != nil {
		return Answer{}, err
	}
	for k, v := range h.cfg.Headers {
		if http.CanonicalHeaderKey(k) == "Host" {
			req.Host = v
		}
		req.Header.Set(k, v)
	}
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", UserAgent)
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	if h.gzip != nil {
		req.Header.Set("Content-Encoding", "gzip")
	}
	req.ContentLength = int64(p.Size)
	req.GetBody = func() (io.ReadCloser, error) { return bodies.body(p.Pieces), nil }
	req.Body = bodies.body(p.Pieces)
	resp, err := h.client.Do(req)
	if err != nil {
		return Answer{}, h.failed(err)
	}
	defer resp.Body.Close()
	return h.read(resp)
}

// failed judges that no answer came. Only what cannot be cured by waiting is final.
func (h *httpClient) failed(err error) error {
	if e := (*url.Error)(nil); errors.As(err, &e) {
		err = e.Err // the URL is named below, without its password
	}
	err = fmt.Errorf("send to %s: %w", where(h.cfg.Endpoint), err)
	var (
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
		plain   tls.RecordHeaderError
	)
	if errors.As(err, &unknown) || errors.As(err, &host) || errors.As(err, &invalid) || errors.As(err, &plain) {
		return err
	}
	return &TemporaryError{Err: err}
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 1 << 20

func (h *httpClient) read(resp *http.Response) (Answer, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode/100 == 2 {
		// The spans are there, whatever becomes of the rest of the answer.
		var r coltracepb.ExportTraceServiceResponse
		if err != nil || resp.Header.Get("Content-Type") != "application/x-protobuf" || proto.Unmarshal(body, &r) != nil {
			return Answer{}, nil
		}
		return answer(&r), nil
	}
	err = fmt.Errorf("send to %s: %s", where(h.cfg.Endpoint), resp.Status)
	if text := message(resp, body); text != "" {
		err = fmt.Errorf("%w: %s", err, text)
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return Answer{}, &TemporaryError{retryAfter(resp.Header.Get("Retry-After"), time.Now()), err}
	}
	return Answer{}, err
}

// retryAfter reads the header, RFC 9110, section 10.2.3; 0 means nothing, or nothing sensible, said.
func retryAfter(v string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(v); err == nil {
		return time.Duration(min(max(0, seconds), 24*60*60)) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return min(max(0, at.Sub(now)), 24*time.Hour)
	}
	return 0
}
