package otlprecv

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
)

var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

func post(t *testing.T, r *Receiver, contentType string, body []byte) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+r.HTTPAddr()+"/v1/traces", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	return client.Do(req)
}

// answer reads what came back.
func answer(t *testing.T, resp *http.Response) []byte {
	t.Helper()
	body, err := io.ReadAll(resp.Body)
	if closeErr := resp.Body.Close(); err != nil || closeErr != nil {
		t.Fatal(err, closeErr)
	}
	return body
}

func marshal(t *testing.T, c *codec, m proto.Message) []byte {
	t.Helper()
	b, err := c.marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func zipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// jsonRequest is a request as the specification's example writes it, with the
// things a reader may stumble over: ids in hex of both cases, numbers of 64
// bits as strings and as numbers, enums as numbers, fields nobody knows, and
// things that look like ids and are none.
const jsonRequest = `{"resourceSpans":[{
  "resource":{"attributes":[
    {"key":"service.name","value":{"stringValue":"js"}},
    {"key":"traceId","value":{"kvlistValue":{"values":[{"key":"traceId","value":{"stringValue":"zz"}}]}}},
    {"key":"raw","value":{"bytesValue":"5b8aa5a2d2c872e8"}}]},
  "new":{"traceId":12,"spans":[{"spanId":false}]},
  "scopeSpans":[{"scope":{"name":"lib"},"spans":[{
    "traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174","parentSpanId":"EEE19B7EC3C1B173",
    "name":"I'm a server span","startTimeUnixNano":"1544712660000000000","endTimeUnixNano":1544712661000000000,
    "kind":2,"status":{"code":2,"message":"no"},"flags":257,"droppedEventsCount":1,"unknown":[1,2,{"a":null}],
    "links":[{"traceId":"5b8efff798038103d269b633813fc60d","spanId":"eee19b7ec3c1b175"}],
    "attributes":[{"key":"n","value":{"intValue":"7"}},{"key":"d","value":{"doubleValue":"NaN"}}]}]}]}]}`

func TestHTTPJSON(t *testing.T) {
	var s sink
	r := start(t, &s, Options{})
	resp, err := post(t, r, "application/json; charset=utf-8", []byte(jsonRequest))
	if err != nil {
		t.Fatal(err)
	}
	body := answer(t, resp)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/json" || string(body) != "{}" {
		t.Fatalf("answer %s, %s: %s", resp.Status, resp.Header.Get("Content-Type"), body)
	}
	var want coltracepb.ExportTraceServiceRequest
	if err := protojson.Unmarshal([]byte(`{"resourceSpans":[{
		"resource":{"attributes":[
			{"key":"service.name","value":{"stringValue":"js"}},
			{"key":"traceId","value":{"kvlistValue":{"values":[{"key":"traceId","value":{"stringValue":"zz"}}]}}},
			{"key":"raw","value":{"bytesValue":"5b8aa5a2d2c872e8"}}]},
		"scopeSpans":[{"scope":{"name":"lib"},"spans":[{
			"traceId":"W47/95gDgQPSabYzgT/GDA==","spanId":"7uGbfsPBsXQ=","parentSpanId":"7uGbfsPBsXM=",
			"name":"I'm a server span","startTimeUnixNano":"1544712660000000000","endTimeUnixNano":"1544712661000000000",
			"kind":"SPAN_KIND_SERVER","status":{"code":"STATUS_CODE_ERROR","message":"no"},"flags":257,"droppedEventsCount":1,
			"links":[{"traceId":"W47/95gDgQPSabYzgT/GDQ==","spanId":"7uGbfsPBsXU="}],
			"attributes":[{"key":"n","value":{"intValue":"7"}},{"key":"d","value":{"doubleValue":"NaN"}}]}]}]}]}`), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.ResourceSpans, s.got, protocmp.Transform(), cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
}

func TestHTTPAnswers(t *testing.T) {
	good := marshal(t, protobufCodec, request("a"))
	big := marshal(t, protobufCodec, request(strings.Repeat("x", 4000)))
	const pb, js = "application/x-protobuf", "application/json"
	tests := []struct {
		name, method, path, contentType, encoding string
		body                                      []byte
		origin                                    string
		sinkErr                                   error
		status                                    int
		code                                      codes.Code
		answerType, message                       string // message: a part of it
		header                                    [2]string
	}{
		{name: "protobuf", contentType: pb, body: good, status: 200, answerType: pb},
		{name: "gzip", contentType: pb, encoding: "gzip", body: zipped(t, good), status: 200, answerType: pb},
		{name: "gzip json", contentType: js, encoding: "GZIP", body: zipped(t, []byte(jsonRequest)), status: 200, answerType: js},
		{name: "identity", contentType: pb, encoding: "identity", body: good, status: 200, answerType: pb},
		{name: "empty request", contentType: pb, status: 200, answerType: pb},
		{name: "broken protobuf", contentType: pb, body: []byte("\x0a\xff"), status: 400, code: codes.InvalidArgument, answerType: pb, message: "decode ExportTraceServiceRequest from application/x-protobuf"},
		{name: "broken json", contentType: js, body: []byte(`{"resourceSpans":[}`), status: 400, code: codes.InvalidArgument, answerType: js, message: "line 1"},
		{name: "empty json", contentType: js, status: 400, code: codes.InvalidArgument, answerType: js},
		{name: "deep json", contentType: js, body: []byte(`{"x":` + strings.Repeat("[", 1900)), status: 400, code: codes.InvalidArgument, answerType: js},
		{name: "not gzip", contentType: pb, encoding: "gzip", body: good, status: 400, code: codes.InvalidArgument, answerType: pb, message: "gzip"},
		{name: "cut gzip", contentType: pb, encoding: "gzip", body: zipped(t, good)[:30], status: 400, code: codes.InvalidArgument, answerType: pb, message: "unexpected EOF"},
		{name: "zstd", contentType: js, encoding: "zstd", body: good, status: 415, code: codes.InvalidArgument, answerType: js, message: `"zstd": want gzip`, header: [2]string{"Accept-Encoding", "gzip, identity"}},
		{name: "text", contentType: "text/plain", body: good, status: 415, code: codes.InvalidArgument, answerType: js, message: `"text/plain": want application/x-protobuf`},
		{name: "no type", body: good, status: 415, code: codes.InvalidArgument, answerType: js},
		{name: "over the wire too large", contentType: pb, body: append(big, big...), status: 413, code: codes.ResourceExhausted, answerType: pb, message: "body larger than 2000 bytes"},
		{name: "uncompressed too large", contentType: js, encoding: "gzip", body: zipped(t, bytes.Repeat([]byte(" "), 1<<20)), status: 413, code: codes.ResourceExhausted, answerType: js, message: "message larger than 3000 bytes"},
		{name: "compressed too large", contentType: pb, encoding: "gzip", body: append(zipped(t, nil), bytes.Repeat(zipped(t, nil), 400)...), status: 413, code: codes.ResourceExhausted, answerType: pb, message: "body larger"},
		{name: "GET", method: "GET", status: 405, code: codes.Unimplemented, answerType: js, message: "POST", header: [2]string{"Allow", "POST"}},
		{name: "preflight", method: "OPTIONS", origin: "https://evil.example", status: 405, code: codes.Unimplemented, answerType: js},
		{name: "web page", contentType: js, origin: "http://localhost:4318", body: []byte(jsonRequest), status: 403, code: codes.PermissionDenied, answerType: js},
		{name: "metrics", path: "/v1/metrics", contentType: pb, status: 404, code: codes.Unimplemented, answerType: pb, message: "OTEL_METRICS_EXPORTER=none"},
		{name: "logs", path: "/v1/logs", contentType: js, status: 404, code: codes.Unimplemented, answerType: js, message: "OTEL_LOGS_EXPORTER=none"},
		{name: "elsewhere", path: "/", contentType: js, status: 404, code: codes.NotFound, answerType: js, message: "/v1/traces"},
		{name: "sink is full", contentType: js, body: []byte(jsonRequest), sinkErr: errors.New("disk full"), status: 503, code: codes.Unavailable, answerType: js, message: "disk full", header: [2]string{"Retry-After", "1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := sink{err: tt.sinkErr}
			r := start(t, &s, Options{MaxBodyBytes: 2000, MaxMessageBytes: 3000})
			if tt.method == "" {
				tt.method = http.MethodPost
			}
			if tt.path == "" {
				tt.path = "/v1/traces"
			}
			req, err := http.NewRequestWithContext(t.Context(), tt.method, "http://"+r.HTTPAddr()+tt.path, bytes.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			for k, v := range map[string]string{"Content-Type": tt.contentType, "Content-Encoding": tt.encoding, "Origin": tt.origin} {
				if v != "" {
					req.Header.Set(k, v)
				}
			}
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body := answer(t, resp)
			if resp.StatusCode != tt.status || resp.Header.Get("Content-Type") != tt.answerType {
				t.Fatalf("answer %d in %q, want %d in %q: %s", resp.StatusCode, resp.Header.Get("Content-Type"), tt.status, tt.answerType, body)
			}
			if h := resp.Header.Get("Access-Control-Allow-Origin"); h != "" {
				t.Errorf("Access-Control-Allow-Origin = %q, want none", h)
			}
			if tt.header[0] != "" && resp.Header.Get(tt.header[0]) != tt.header[1] {
				t.Errorf("%s = %q, want %q", tt.header[0], resp.Header.Get(tt.header[0]), tt.header[1])
			}
			unmarshal := proto.Unmarshal
			if tt.answerType == js {
				unmarshal = protojson.Unmarshal
			}
			if tt.status == http.StatusOK {
				var ok coltracepb.ExportTraceServiceResponse
				if err := unmarshal(body, &ok); err != nil || ok.PartialSuccess != nil {
					t.Errorf("answer %v, %v, want plain success", &ok, err)
				}
				return
			}
			var st spb.Status
			if err := unmarshal(body, &st); err != nil || codes.Code(st.Code) != tt.code || !strings.Contains(st.Message, tt.message) {
				t.Errorf("answer %v, %v, want %v with %q", &st, err, tt.code, tt.message)
			}
			if len(s.got) != 0 {
				t.Errorf("the sink got %v of a request that was refused", s.got)
			}
		})
	}
}

func TestHTTPPartialSuccess(t *testing.T) {
	tests := []struct {
		name string
		body string
		sink error
		want *coltracepb.ExportTracePartialSuccess
	}{
		{
			name: "ids that are no ids",
			body: `{"resourceSpans":[{"scopeSpans":[{"spans":[
				{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174"},
				{"traceId":"W47/95gDgQPSabYzgT/GDA==","spanId":"eee19b7ec3c1b174"},
				{"traceId":"5b8efff798038103d269b633813fc60x","spanId":"eee19b7ec3c1b174"},
				{"traceId":"00000000000000000000000000000000","spanId":"eee19b7ec3c1b174"},
				{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7e"},
				{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"0000000000000000"},
				{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","parentSpanId":"ee"},
				{}]}]}]}`,
			want: &coltracepb.ExportTracePartialSuccess{RejectedSpans: 7, ErrorMessage: "resourceSpans[0].scopeSpans[0].spans[1]: traceId: want 16 bytes (32 hex digits)"},
		},
		{
			name: "the sink turns some away",
			body: jsonRequest,
			sink: &RejectedError{Spans: 1, Reason: "too old"},
			want: &coltracepb.ExportTracePartialSuccess{RejectedSpans: 1, ErrorMessage: "too old"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := sink{err: tt.sink}
			r := start(t, &s, Options{})
			resp, err := post(t, r, "application/json", []byte(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			body := answer(t, resp)
			var got coltracepb.ExportTraceServiceResponse
			if err := protojson.Unmarshal(body, &got); err != nil || resp.StatusCode != http.StatusOK {
				t.Fatalf("answer %s %q: %v", resp.Status, body, err)
			}
			if diff := cmp.Diff(tt.want, got.PartialSuccess, protocmp.Transform()); diff != "" {
				t.Errorf("partial success (-want +got):\n%s", diff)
			}
			if tt.sink == nil && len(s.names()) != 1 {
				t.Errorf("the sink got %d spans, want the one that is well", len(s.names()))
			}
		})
	}
}
