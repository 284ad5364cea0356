package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"image/png"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clewhq/clew/internal/fakeslack"
	"github.com/clewhq/clew/zscore/alert"
)

// TestBot tells an incident, answers it in its thread and edits the first message.
func TestBot(t *testing.T) {
	slack := &fakeslack.Slack{Token: "xoxb-1"}
	_, db := openBook(t, &bytes.Buffer{}, config())
	bot := &SlackBot{
		Token: secretFile(t, "xoxb-1"), Channel: "#ops", API: "http://slack.example/api",
		Client: &http.Client{Transport: direct{slack}}, Receipts: db,
	}
	send := func(kind alert.Kind, want alert.Result) {
		t.Helper()
		if o := bot.Send(context.Background(), batchOf(alert.Notice{Kind: kind, Incident: incident("a")})); o.Result != want {
			t.Errorf("%s: %+v, want result %d", kind, o, want)
		}
	}
	send(alert.Firing, alert.Delivered)
	send(alert.Resolved, alert.Delivered)
	type call struct{ Method, Channel, Thread, TS string }
	var got []call
	for _, p := range slack.Posts() {
		got = append(got, call{p.Method, p.Payload.Channel, p.Payload.ThreadTS, p.Payload.TS})
	}
	want := []call{
		{"chat.postMessage", "#ops", "", ""},
		{"chat.postMessage", "#ops", "1700000000.000001", ""},
		{"chat.update", "C1", "", "1700000000.000001"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	slack.Token = "xoxb-2"
	send(alert.Firing, alert.Gone)
	slack.Token = ""
	slack.Fail = func(int) (int, string) { return http.StatusBadRequest, "msg_blocks_too_long" }
	send(alert.Firing, alert.Malformed)
	slack.Fail = func(int) (int, string) { return http.StatusBadRequest, "ratelimited" }
	send(alert.Firing, alert.Later)
}

// TestBotIllustrates puts a chart into the thread of an incident's message, and
// leaves the message as it is when it may not.
func TestBotIllustrates(t *testing.T) {
	slack := &fakeslack.Slack{Token: "xoxb-1"}
	_, db := openBook(t, &bytes.Buffer{}, config())
	bot := &SlackBot{
		Token: secretFile(t, "xoxb-1"), Channel: "#ops", API: "http://slack.example/api",
		Client: &http.Client{Transport: direct{slack}}, Receipts: db, Images: true,
	}
	i := incident("a")
	i.Step, i.Fired = 15*time.Second, i.Start.Add(time.Minute)
	i.Recent = []alert.Number{10, 11, 10, 50}
	i.Low, i.High = []alert.Number{9, 9, 9, 9}, []alert.Number{12, 12, 12, alert.Number(math.NaN())}
	send := func() alert.Outcome {
		return bot.Send(context.Background(), batchOf(alert.Notice{Kind: alert.Firing, Incident: i}))
	}
	if o := send(); o.Result != alert.Delivered || o.Why != "" {
		t.Errorf("%+v", o)
	}
	files := slack.Files()
	if len(files) != 1 || files[0].ThreadTS != "1700000000.000001" || files[0].Channel != "C1" || files[0].Name != i.ID+".png" {
		t.Fatalf("files: %+v", files)
	}
	if _, err := png.Decode(bytes.NewReader(files[0].Body)); err != nil {
		t.Errorf("the chart is no PNG: %v", err)
	}
	slack.NoFiles = true
	if o := send(); o.Result != alert.Delivered || !strings.Contains(o.Why, "without its chart: files.getUploadURLExternal: missing_scope") {
		t.Errorf("without the scope: %+v", o)
	}
	i.Step = 0
	if o := send(); o.Result != alert.Delivered || o.Why != "" || len(slack.Files()) != 1 {
		t.Errorf("without times there is nothing to draw: %+v", o)
	}
}

func TestJudge(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		status int
		after  string
		want   alert.Result
		pause  time.Duration
	}{
		{200, "", alert.Delivered, 0},
		{204, "", alert.Delivered, 0},
		{429, "30", alert.Later, 30 * time.Second},
		{429, "", alert.Later, time.Second},
		{429, "0", alert.Later, time.Second},
		{429, "soon", alert.Later, time.Second},
		{429, "-5", alert.Later, time.Second},
		{429, "1e30", alert.Later, time.Hour},
		{429, "NaN", alert.Later, time.Second},
		{429, "Sun, 22 Nov 2026 12:00:20 GMT", alert.Later, 20 * time.Second},
		{429, "Sun, 22 Nov 2020 12:00:20 GMT", alert.Later, time.Second},
		{500, "", alert.Later, 0},
		{408, "", alert.Later, 0},
		{400, "", alert.Malformed, 0},
		{413, "", alert.Malformed, 0},
		{401, "", alert.Gone, 0},
		{403, "", alert.Gone, 0},
		{404, "", alert.Gone, 0},
		{410, "", alert.Gone, 0},
		{301, "", alert.Gone, 0},
	} {
		if c.pause > 0 {
			c.pause += pauseMargin
		}
		got := judge(answer{status: c.status, header: http.Header{"Retry-After": {c.after}}}, now)
		if got.Result != c.want || got.After != c.pause || got.Limited != (c.status == 429) {
			t.Errorf("%d, Retry-After %q: %+v, want result %d after %v", c.status, c.after, got, c.want, c.pause)
		}
	}
}

// TestDocument sends one message to a webhook, a stream and a file.
func TestDocument(t *testing.T) {
	var body bytes.Buffer
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, err := body.ReadFrom(r.Body); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	client := NewClient()
	defer client.CloseIdleConnections()
	var stream bytes.Buffer
	path := filepath.Join(t.TempDir(), "alerts.jsonl")
	b := batchOf(alert.Notice{Kind: alert.Firing, At: time.Unix(1764000300, 0), Incident: incident("gw-1")})
	for _, to := range []Receiver{
		&Webhook{URL: secretFile(t, server.URL), Client: client}, &Stream{W: &stream, Lock: new(sync.Mutex)}, &File{Path: path},
	} {
		if o := to.Send(context.Background(), b); o.Result != alert.Delivered {
			t.Fatalf("%T: %+v", to, o)
		}
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{"webhook": body.Bytes(), "stream": stream.Bytes(), "file": file} {
		var got Document
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Fatalf("%s: %v: %s", name, err, raw)
		}
		if got.Message != 7 || len(got.Notices) != 1 || got.Notices[0].Incident.Value != 1240 ||
			got.Text != `🔴 gateway-rps is up gw_rps{instance="gw-1"}: 1240 where 310 was expected (z +14.2) [k7f3q2]` {
			t.Errorf("%s got %s", name, raw)
		}
	}
	if o := (&File{Path: filepath.Join(path, "below a file")}).Send(context.Background(), b); o.Result != alert.Later {
		t.Errorf("a file that can't be written: %+v", o)
	}
}

func TestAlertmanagerBody(t *testing.T) {
	var got []amAlert
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	client := NewClient()
	defer client.CloseIdleConnections()
	am := &Alertmanager{URL: server.URL, Client: client}
	over := incident("gw-2")
	over.Ended = over.Start.Add(time.Minute)
	at := time.Unix(1764000300, 0)
	o := am.Send(context.Background(), batchOf(
		alert.Notice{Kind: alert.Firing, At: at, Incident: incident("gw-1")},
		alert.Notice{Kind: alert.Resolved, At: at, Incident: over}, alert.Notice{Kind: alert.Note, Text: "alive"},
	))
	if o.Result != alert.Delivered || len(got) != 2 {
		t.Fatalf("%+v, %+v", o, got)
	}
	want := map[string]string{"alertname": "gateway-rps", "instance": "gw-1", "metric": "gw_rps", "severity": "page", "direction": "up"}
	if diff := cmp.Diff(want, got[0].Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if !got[0].EndsAt.After(at) || !got[1].EndsAt.Equal(over.Ended) {
		t.Errorf("ends at %v and %v: want one in the future and one at its end", got[0].EndsAt, got[1].EndsAt)
	}
}
