package essink

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// transport gives each request who we are and exactly one media type of each kind.
// olivere's client sets plain ones that its options can only add to, and two lines
// of Content-Type are an error to every server.
type transport struct {
	base   *http.Transport
	url    *url.URL
	config Config
	flavor atomic.Pointer[Flavor]
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	h := r.Header
	kind := "json"
	if strings.Contains(h.Get("Content-Type"), "ndjson") {
		kind = "x-ndjson"
	}
	h.Set("Accept", t.mediaType("json"))
	h.Del("Content-Type")
	if r.Body != nil && r.Body != http.NoBody {
		h.Set("Content-Type", t.mediaType(kind))
	}
	h.Set("User-Agent", "clew")
	h.Del("Authorization")
	switch {
	case t.config.APIKey != "":
		h.Set("Authorization", "ApiKey "+string(t.config.APIKey))
	case t.config.User != "":
		r.SetBasicAuth(t.config.User, string(t.config.Password))
	}
	resp, err := t.base.RoundTrip(r)
	if n, ok := r.Context().Value(noteKey{}).(*note); ok && err == nil {
		err = n.take(resp)
	}
	return resp, err
}

// mediaType is what this server calls JSON. Elasticsearch keeps what it answers as
// it was in version 8 for those who ask for it, until 10; OpenSearch takes plain only.
func (t *transport) mediaType(kind string) string {
	if f := t.flavor.Load(); f != nil && f.Product == Elasticsearch && f.Major >= 8 {
		return "application/vnd.elasticsearch+" + kind + ";compatible-with=8"
	}
	return "application/" + kind
}

// note is what the transport has seen of an answer that the client on top of it may
// not tell. It travels in the request's context.
type note struct {
	status int
	header http.Header
	body   []byte // of an answer that is none of success
}

type noteKey struct{}

// maxRefusal bounds what is read of such an answer, in bytes.
const maxRefusal = 1 << 20

func (n *note) take(resp *http.Response) (err error) {
	n.status, n.header, n.body = resp.StatusCode, resp.Header, nil
	if !n.refused() {
		return nil
	}
	n.body, err = io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	_ = resp.Body.Close() // it has been read
	resp.Body = io.NopCloser(bytes.NewReader(n.body))
	return err
}

func (n *note) refused() bool { return n.status >= http.StatusMultipleChoices }

// refusal is the answer as an error.
func (n *note) refusal() *Error {
	e := &Error{Status: n.status, RetryAfter: n.retryAfter()}
	var failed struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(n.body, &failed) == nil {
		e.Reason = reason(failed.Error)
	}
	return e
}

// reason puts the error of an answer, an object or a string, into a line.
func reason(raw json.RawMessage) string {
	var line string
	if json.Unmarshal(raw, &line) == nil {
		return line
	}
	var e struct {
		Type     string `json:"type"`
		Reason   string `json:"reason"`
		CausedBy struct {
			Reason string `json:"reason"`
		} `json:"caused_by"`
	}
	if json.Unmarshal(raw, &e) != nil {
		return ""
	}
	return reasonOf(e.Type, e.Reason, e.CausedBy.Reason)
}

// noted returns ctx with a note in it, which may be there already.
func noted(ctx context.Context) (context.Context, *note) {
	if n, ok := ctx.Value(noteKey{}).(*note); ok {
		return ctx, n
	}
	n := &note{}
	return context.WithValue(ctx, noteKey{}, n), n
}

// retryAfter is how long the server wants to be left alone.
func (n *note) retryAfter() time.Duration {
	v := n.header.Get("Retry-After")
	if s, err := strconv.Atoi(v); err == nil && s > 0 {
		return time.Duration(min(s, int(maxRetryAfter/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return min(max(time.Until(at), 0), maxRetryAfter)
	}
	return 0
}

// maxRetryAfter bounds what a server can ask for.
const maxRetryAfter = 5 * time.Minute

// errShort is the error for an answer to fewer documents than were sent.
func errShort(sent, answered int) error {
	return fmt.Errorf("the server answers for %d of %d documents", answered, sent)
}
