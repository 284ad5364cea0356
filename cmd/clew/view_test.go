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

// TestView runs the program, sends it a span as it says, and looks at the page
// it names.
func TestView(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	talk, stderr := io.Pipe()
	said := bufio.NewScanner(talk)
	status := make(chan int, 1)
	go func() {
		s := cli.Streams{In: strings.NewReader(""), Out: bufio.NewWriter(io.Discard), Err: stderr}
		status <- cli.Run(ctx, run, s, []string{"view", "--addr", "127.0.0.1:0", "--otlp-http", "0.0.0.0:0", "--otlp-grpc", "127.0.0.1:0"})
		_ = stderr.Close()
	}()
	var page, endpoint, port string
	for said.Scan() {
		line := said.Text()
		if m := regexp.MustCompile(`^page: (http://\S+)$`).FindStringSubmatch(line); m != nil {
			page = m[1]
		}
		if m := regexp.MustCompile(`OTEL_EXPORTER_OTLP_ENDPOINT=(\S+) OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf`).FindStringSubmatch(line); m != nil {
			endpoint = m[1]
		}
		if m := regexp.MustCompile(`^warning: (\S+) can be reached from other machines`).FindStringSubmatch(line); m != nil {
			_, port, _ = net.SplitHostPort(m[1])
			break
		}
	}
	if want := "http://127.0.0.1:" + port; page == "" || endpoint != want {
		t.Fatalf("it named page %q and endpoint %q, want some page and %s, which it warned of", page, endpoint, want)
	}

	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, postErr := client.Post(endpoint+"/v1/traces", "application/json", strings.NewReader(oneSpan))
	if postErr != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("send a span: %v, %v", resp, postErr)
	}
	_ = resp.Body.Close()
	resp, getErr := client.Get(page)
	if getErr != nil {
		t.Fatal(getErr)
	}
	body, readErr := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if readErr != nil || !strings.Contains(string(body), "POST /sell") || !strings.Contains(string(body), "spans received: 1 in requests: 1") {
		t.Errorf("the page lacks the transaction or the count: %v\n%s", readErr, body)
	}

	stop()
	for said.Scan() {
		t.Errorf("it went on to say %q", said.Text())
	}
	if got := <-status; got != 0 {
		t.Errorf("exit status %d, want 0", got)
	}
}
