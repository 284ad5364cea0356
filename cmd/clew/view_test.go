package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/clewhq/clew/internal/cli"
)

const oneSpan = `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"till"}}]},
	"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"POST /sell",
	"kind":2,"startTimeUnixNano":"1795348800000000000","endTimeUnixNano":"1795348800010000000"}]}]}]}`

// viewing is a running clew view and what it has said of itself.
type viewing struct {
	page     string // URL
	endpoint string // URL of OTLP/HTTP
	warned   string // the address it warned of
	said     *bufio.Scanner
	stop     func()
	status   chan int
}

// startView runs clew view, with the page and both receivers at free ports,
// OTLP/HTTP at that host, and reads all that it says at the start.
func startView(t *testing.T, httpHost string) *viewing {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	talk, stderr := io.Pipe()
	v := &viewing{said: bufio.NewScanner(talk), stop: stop, status: make(chan int, 1)}
	go func() {
		s := cli.Streams{In: strings.NewReader(""), Out: bufio.NewWriter(io.Discard), Err: stderr}
		v.status <- cli.Run(ctx, run, s, []string{"view", "--addr", "127.0.0.1:0", "--otlp-http", httpHost + ":0", "--otlp-grpc", "127.0.0.1:0"})
		_ = stderr.Close()
	}()
	last := regexp.MustCompile(`PROTOCOL=grpc$`)
	if httpHost != "127.0.0.1" {
		last = regexp.MustCompile(`^warning: (\S+) can be reached from other machines`)
	}
	for v.said.Scan() {
		line := v.said.Text()
		if m := regexp.MustCompile(`^page: (http://\S+)$`).FindStringSubmatch(line); m != nil {
			v.page = m[1]
		}
		if m := regexp.MustCompile(`OTEL_EXPORTER_OTLP_ENDPOINT=(\S+) OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf`).FindStringSubmatch(line); m != nil {
			v.endpoint = m[1]
		}
		if m := last.FindStringSubmatch(line); m != nil {
			v.warned = m[len(m)-1]
			return v
		}
	}
	stop()
	t.Fatalf("clew view ended with status %d", <-v.status)
	return nil
}

// end stops it as SIGINT does and demands that it says no more.
func (v *viewing) end(t *testing.T) {
	t.Helper()
	v.stop()
	for v.said.Scan() {
		t.Errorf("clew view went on to say %q", v.said.Text())
	}
	if got := <-v.status; got != 0 {
		t.Errorf("clew view: exit status %d, want 0", got)
	}
}

var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if closeErr := resp.Body.Close(); err != nil || closeErr != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v, %v\n%s", url, resp.Status, err, closeErr, body)
	}
	return string(body)
}

// TestView runs the program, sends it a span as it says, and looks at the page
// it names.
func TestView(t *testing.T) {
	v := startView(t, "0.0.0.0")
	defer v.end(t)
	_, port, err := net.SplitHostPort(v.warned)
	if want := "http://127.0.0.1:" + port; err != nil || v.page == "" || v.endpoint != want {
		t.Fatalf("it named page %q and endpoint %q, want some page and %s, which it warned of", v.page, v.endpoint, want)
	}
	resp, err := client.Post(v.endpoint+"/v1/traces", "application/json", strings.NewReader(oneSpan))
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("send a span: %v, %v", resp, err)
	}
	_ = resp.Body.Close()
	for _, want := range []string{"POST /sell", "till", "spans received: 1 in requests: 1"} {
		if body := get(t, v.page); !strings.Contains(body, want) {
			t.Errorf("the page lacks %q:\n%s", want, body)
		}
	}
}

// TestViewQuiet stops it before it has begun: what it says it says at the start.
func TestViewQuiet(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	for flag, says := range map[string]bool{"-q": false, "-v": true} {
		var stderr strings.Builder
		s := cli.Streams{In: strings.NewReader(""), Out: bufio.NewWriter(io.Discard), Err: &stderr}
		status := cli.Run(ctx, run, s, []string{"view", flag, "--addr", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--otlp-grpc", "off"})
		if got := strings.Contains(stderr.String(), "page: http://127.0.0.1:"); status != 0 || got != says || strings.Contains(stderr.String(), "PROTOCOL=grpc") {
			t.Errorf("%s: exit status %d, said %q", flag, status, stderr.String())
		}
	}
}
