package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/clewhq/clew/zscore/alert"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// whole uses everything that there is.
const whole = `
zone: Asia/Seoul
listen: 127.0.0.1:9300
page: https://spikes.example/
calendars:
  krx: {open: "09:00", close: "15:30", days: mon-fri, holidays: [2026-12-25], holidays_file: holidays.txt}
  nyse: {zone: America/New_York, open: "09:30", days: [mon, tue, wed, thu, fri]}
inputs:
  - scrape: {targets: ["gw-1:9090", "gw-2:9090"], interval: 15s, timeout: 5s}
  - prometheus: {url: http://prom:9090, queries: {gw_rps: 'sum by (route)(rate(http_requests_total[1m]))'}, step: 15s, history: 2w}
  - remote_write: {listen: 127.0.0.1:9201}
  - otlp: {http: 127.0.0.1:4318, grpc: "off"}
  - lines: {from: stdin}
rules:
  - name: gateway-rps
    match: '{__name__="gw_rps"}'
    kind: rate
    detector: auto
    calendar: krx
    z: {fire: 5, resolve: 1.5}
    for: 45s
    quiet: 3m
    min: {relative: 25%, absolute: 50}
    explain: {by: [route, instance], exemplars: 3, trace_url: "https://t.example/{trace_id}"}
    severity: page
    absent: never
    max_series: 100
    late: 5m
    links: {dashboard: https://grafana.example/d/1}
  - {name: p99, match: 'http_request_duration_seconds{job="api"}', kind: latency, quantile: 99%, direction: up, absent: 10m}
route:
  receiver: slack-gw
  group_by: [rule]
  group_wait: 10s
  group_interval: 30s
  repeat: 4h
  routes: [{match: {severity: ticket}, receiver: [ops, am], repeat: 1d}, {match: 'rule=~"db-.*"', receiver: hook}]
mute: [{name: deploy, weekly: "tue 02:00-03:00", match: {rule: gateway-rps}}]
inhibit: [{if: {rule: gateway-down}, then: {rule: gateway-rps}, equal: [instance]}]
receivers:
  slack-gw: {slack: {webhook_file: /run/secrets/slack, fallback: ops, digest_over: 5, max_age: 1d}}
  bot: {slack: {token_env: SLACK_TOKEN, channel: "#ops", images: true}}
  hook: {webhook: {url_env: OPS_HOOK}}
  am: {alertmanager: {url: "http://am:9093/"}}
  ops: {file: {path: ops.jsonl}}
  out: {stdout: {}}
heartbeat: {receiver: ops, every: 12h}
state: {dir: state, snapshot: 2m}
`

func TestWhole(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "holidays.txt"), []byte("# 2026\n2026-01-01 New Year\n\n2026-03-01\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Parse(filepath.Join(dir, "c.yaml"), []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	if got := []int{len(c.Inputs), len(c.Rules), len(c.Receivers), len(c.Alerts.Routes)}; !cmp.Equal(got, []int{6, 2, 6, 3}) {
		t.Errorf("inputs, rules, receivers, routes: %v", got)
	}
	r := c.Rules[0]
	if r.Rule.Fire != 5 || r.Rule.Resolve != 1.5 || r.Rule.MinRelative != 0.25 || r.Rule.MinAbsolute != 50 || r.Rule.Quiet != 3*time.Minute || !r.Rule.Down || r.Absent {
		t.Errorf("the first rule: %+v", r)
	}
	if r := c.Rules[1]; r.Rule.Down || r.Rule.AbsentAfter != 10*time.Minute || !r.Absent || r.Shaping.Quantile != 0.99 {
		t.Errorf("the second rule: %+v", r)
	}
	if got := c.Alerts.Routes[0]; !cmp.Equal(got.Receivers, []string{"ops", "am"}) || got.Repeat != 24*time.Hour || got.GroupWait != 10*time.Second {
		t.Errorf("the first route: %+v, want its own settings and the outer ones", got)
	}
	if got := c.Alerts.Receivers[0]; got.Fallback != "ops" || got.MaxAge != 24*time.Hour {
		t.Errorf("the first receiver: %+v", got)
	}
	if am := c.Alerts.Receivers[3]; am.Resend == 0 {
		t.Errorf("an Alertmanager is not told again: %+v", am)
	}
	if c.State.Dir != filepath.Join(dir, "state") {
		t.Errorf("state in %s", c.State.Dir)
	}
	days := []time.Weekday{time.Tuesday}
	if m := c.Alerts.Mutes[0]; !cmp.Equal(m.Days, days) || m.Zone.String() != "Asia/Seoul" {
		t.Errorf("mute: %+v", m)
	}
}

const minimal = `
inputs: [{remote_write: {listen: ":9201"}}]
rules: [{name: a, match: a}]
route: {receiver: out}
receivers: {out: {stdout: {}}}
state: {dir: s}
`

func TestDefaults(t *testing.T) {
	c, err := Parse("c.yaml", []byte(minimal))
	if err != nil {
		t.Fatal(err)
	}
	want := alert.Route{Receivers: []string{"out"}, GroupBy: []string{"rule"}, GroupWait: 5 * time.Second, GroupInterval: 10 * time.Second, Repeat: 4 * time.Hour}
	if diff := cmp.Diff([]alert.Route{want}, c.Alerts.Routes); diff != "" {
		t.Errorf("routes (-want +got):\n%s", diff)
	}
	if c.Listen != DefaultListen || c.State.Snapshot != time.Minute || c.Rules[0].Schedule == nil || !c.Rules[0].Absent {
		t.Errorf("defaults: %+v", c)
	}
}

// TestFaults spoils the least configuration and demands the line and the mend.
func TestFaults(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"name: a,", "nam: a,", "c.yaml:3:15: rules[0].nam: unknown key; known here: absent,"},
		{"match: a", "match: 'a{'", "c.yaml:3:"},
		{"match: a", "match: a, kind: rats", `kind "rats": want one of gauge`},
		{"match: a", "match: a, for: 5", `rules[0].for: "5": want a time such as 45s`},
		{"match: a", "match: a, for: 1e400d", "want a time such as"},
		{"match: a", "match: a, calendar: krx", `no calendar is called "krx"`},
		{"match: a", "match: a, z: {fire: 1, resolve: 2}", "want 0 < resolve ≤ fire"},
		{"match: a", "match: a, z: 4", `rules[0].z: want a mapping, got "4"`},
		{"match: a", "match: a, min: {relative: -1%}", "want a number, 0 or more, or a percentage"},
		{"match: a", "match: a, detector: zsc", `detector "zsc": want one of auto`},
		{"match: a", "match: a, direction: sideways", "want up, down or both"},
		{"match: a", "match: a, match: b", `key "match": want each key once`},
		{", match: a", "", "no match: which series"},
		{"receiver: out", "receiver: oot", `c.yaml:4:19: route.receiver: no receiver is called "oot"`},
		{"receiver: out", "group_by: [rule]", "no receiver: who gets"},
		{"state: {dir: s}", "", "no state: dir"},
		{"state: {dir: s}", "state: {}", "state: no dir"},
		{"out: {stdout: {}}", "out: {slack: {webhook: https://hooks.slack.com/x}}", "name that with webhook_file"},
		{"out: {stdout: {}}", "out: {slack: {}}", "want one of webhook_file"},
		{"out: {stdout: {}}", "out: {slack: {token_file: x}}", "a bot needs a channel"},
		{"out: {stdout: {}}", "out: {slack: {webhook_file: x, images: true}}", "a webhook takes none, a bot does"},
		{"out: {stdout: {}}", "out: {slack: {token_file: x, channel: y, images: some}}", "want true or false"},
		{"out: {stdout: {}}", "out: {stdout: {}, file: {path: x}}", "want exactly one key, got 2"},
		{"out: {stdout: {}}", "out: {stdout: {fallback: out}}", "its own fallback"},
		{"out: {stdout: {}}", "out: {slack: {webhook_file: x}}, b: {slack: {webhook_file: x}}", `same channel as receiver "out"`},
		{"out: {stdout: {}}", "out: {alertmanager: {url: am}}", "want a URL such as"},
		{"out: {stdout: {}}", "out: {alertmanager: {url: 'http://u:p@am'}}", "a password does not belong"},
		{"route:", "mute: [{name: x, weekly: sometimes}]\nroute:", "want a weekly window such as"},
		{"route:", "zone: Mars\nroute:", "c.yaml:4:7: zone: "},
		{"route:", "calendars: {x: {holidays_file: none.txt}}\nroute:", "none.txt"},
		{"route:", "calendars: {x: {open: 9}}\nroute:", `"9" is no time of day like "09:00"`},
		{"inputs: [{remote_write: {listen: \":9201\"}}]", "inputs: []", "inputs is empty"},
		{"remote_write: {listen: \":9201\"}", "scrape: {}", "no targets"},
		{"remote_write: {listen: \":9201\"}", "prometheus: {url: x}", "no queries"},
		{"remote_write: {listen: \":9201\"}", "lines: {from: f.json}", "want stdin"},
		{"rules: [", "rules: [[", "c.yaml: "},
		{"rules: [{name: a, match: a}]", "rules: [{name: a, match: a}, {name: a, match: b}]", `a second rule is called "a"`},
		{"route:", "heartbeat: {every: 1h}\nroute:", "heartbeat: want a receiver"},
	} {
		spoilt := strings.Replace(minimal, c.from, c.to, 1)
		if spoilt == minimal {
			t.Errorf("%q is not in the configuration", c.from)
		}
		_, err := Parse("c.yaml", []byte(spoilt))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s for %s: %v\nwant %q in it", c.to, c.from, err, c.want)
		}
	}
	if _, err := Parse("c.yaml", nil); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Errorf("an empty file: %v", err)
	}
}

func TestDurations(t *testing.T) {
	for s, want := range map[string]time.Duration{"45s": 45 * time.Second, "1h30m": 90 * time.Minute, "1d": 24 * time.Hour, "2w": 14 * 24 * time.Hour, "1.5d": 36 * time.Hour} {
		if got, err := parseDuration(s); err != nil || got != want {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "5", "-1s", "-1d", "d", "NaNd", "Infw", "1e9w", "soon"} {
		if got, err := parseDuration(s); err == nil {
			t.Errorf("%q was taken for %v", s, got)
		}
	}
}

// FuzzConfig reads anything: there is a configuration, or every fault says where.
func FuzzConfig(f *testing.F) {
	f.Add(whole)
	f.Add(minimal)
	f.Add("a: &a [*a]\nrules: *a")
	f.Add("rules: [{name: [x], match: {}, z: [], min: {relative: {}}}]\nreceivers: {x: }\nroute:\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse("c.yaml", []byte(text))
		switch {
		case err == nil && (len(c.Rules) == 0 || len(c.Inputs) == 0 || c.State.Dir == ""):
			t.Errorf("taken: %+v", c)
		case err != nil && !strings.HasPrefix(err.Error(), "c.yaml"):
			t.Errorf("a fault without a place: %v", err)
		}
	})
}
