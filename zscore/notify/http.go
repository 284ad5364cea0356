package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/clewhq/clew/zscore/alert"
)

const (
	// postTime bounds one attempt.
	postTime = 10 * time.Second
	// maxAnswer bounds what is read of an answer; Slack's are a word.
	maxAnswer = 64 << 10
	// leastPause and mostPause bound what a 429 may ask for.
	leastPause = time.Second
	mostPause  = time.Hour
	// pauseMargin is added to it: clocks and networks are not exact.
	pauseMargin = 100 * time.Millisecond
)

// NewClient returns the HTTP client that receivers share. It follows no
// redirects, which would carry a secret elsewhere, and honours HTTPS_PROXY.
func NewClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 2
	transport.ResponseHeaderTimeout = postTime
	return &http.Client{
		Transport: transport, Timeout: postTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// post sends a body. The error has no URL in it; sent says that the request may
// have arrived all the same.
func post(ctx context.Context, c *http.Client, target string, header http.Header, body []byte) (_ answer, sent bool, err error) {
	trace := &httptrace.ClientTrace{WroteHeaders: func() { sent = true }}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return answer{}, false, errors.New("the URL is not one: want https://host/path")
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", "spikewatch")
	maps.Copy(req.Header, header)
	resp, err := c.Do(req)
	if err != nil {
		return answer{}, sent, withoutURL(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil && resp.StatusCode/100 == 2 {
		return answer{}, true, fmt.Errorf("read the answer: %w", withoutURL(err))
	}
	return answer{resp.StatusCode, resp.Header, got}, true, nil
}

// withoutURL takes the URL out of what net/http says, which is the secret.
func withoutURL(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		if of.Timeout() {
			return fmt.Errorf("no answer within %v", postTime)
		}
		return of.Err
	}
	return err
}

// checkURL finds what net/http would only say together with the URL.
func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("it is no URL like https://host/path")
	}
	return nil
}

// unsent is the outcome of an attempt that brought no answer.
func unsent(err error, sent bool) alert.Outcome {
	return alert.Outcome{Result: alert.Later, Unknown: sent, Why: err.Error()}
}

// judge is the outcome that a status stands for, with the words of the answer.
func judge(a answer, now time.Time) alert.Outcome {
	why := fmt.Sprintf("%d %s", a.status, http.StatusText(a.status))
	if said := word(a.body); said != "" {
		why += ": " + said
	}
	o := alert.Outcome{Why: why}
	switch {
	case a.status/100 == 2:
		o = alert.Outcome{Result: alert.Delivered}
	case a.status == http.StatusTooManyRequests:
		o.Result, o.Limited, o.After = alert.Later, true, retryAfter(a.header, now)
	case a.status >= 500, a.status == http.StatusRequestTimeout, a.status == http.StatusTooEarly:
		o.Result = alert.Later
	case a.status == http.StatusBadRequest, a.status == http.StatusRequestEntityTooLarge, a.status == http.StatusUnprocessableEntity:
		o.Result = alert.Malformed
	default:
		o.Result = alert.Gone
	}
	return o
}

// word is the first line of an answer, shortened, if it is text.
func word(body []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	return clean(line, 100)
}

// retryAfter reads the header, which is a number of seconds or a date.
func retryAfter(h http.Header, now time.Time) time.Duration {
	pause := leastPause
	text := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds > 0 {
		pause = time.Duration(min(seconds, mostPause.Seconds()) * float64(time.Second))
	} else if at, err := http.ParseTime(text); err == nil {
		pause = at.Sub(now)
	}
	return min(max(pause, leastPause), mostPause) + pauseMargin
}
