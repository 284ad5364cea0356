package notify

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clewhq/clew/internal/fakeslack"
	"github.com/clewhq/clew/zscore/alert"
)

var update = flag.Bool("update", false, "write the golden files anew")

// messages are one of each kind.
func messages() []alert.Batch {
	at := time.Unix(1764000300, 0)
	ended := incident("gw-2")
	ended.Ended = ended.Start.Add(6 * time.Minute)
	gone := incident("gw-3")
	gone.Direction, gone.Value, gone.Expected, gone.Reason = "absent", alert.Number(math.NaN()), alert.Number(math.NaN()), "no value for 2m15s"
	repeated := batchOf(alert.Notice{Kind: alert.Firing, At: at, Incident: incident("gw-1")})
	repeated.Entries[0].MayRepeat, repeated.Entries[0].Tried = true, []string{"slack-gw"}
	plain := batchOf(alert.Notice{Kind: alert.Firing, At: at, Incident: incident("gw-1")})
	plain.Entries[0].Plain = true
	var many []alert.Notice
	for k := range 60 {
		many = append(many, alert.Notice{Kind: alert.Firing, At: at, Incident: incident(fmt.Sprintf("gw-%02d", k))})
	}
	return []alert.Batch{
		repeated,
		batchOf(alert.Notice{Kind: alert.Resolved, At: at, Incident: ended}),
		batchOf(alert.Notice{Kind: alert.Still, At: at, Incident: incident("gw-1")}),
		batchOf(alert.Notice{Kind: alert.Firing, At: at, Incident: gone}),
		batchOf(alert.Notice{Kind: alert.Note, At: at, Text: "spikewatch is alive: 40 series, 0 alerts"}),
		plain,
		batchOf(append([]alert.Notice{{Kind: alert.Resolved, At: at, Incident: ended}}, many...)...),
	}
}

// TestPayloads shows each kind of message as Slack would.
func TestPayloads(t *testing.T) {
	const golden = "testdata/slack.golden"
	var got strings.Builder
	for _, b := range messages() {
		p := checked(t, b)
		fmt.Fprintf(&got, "text: %s\n%s\n", p.Text, p.Show(false))
	}
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("messages are not those of %s (-update writes it anew):\n%s", golden, diff)
	}
}

var testStyle = Style{Zone: time.FixedZone("KST", 9*3600), Page: "https://spikes.example/"}

// checked builds a payload and has the stand-in check it.
func checked(t *testing.T, b alert.Batch) fakeslack.Payload {
	t.Helper()
	raw, err := SlackPayload(b, testStyle)
	if err != nil {
		t.Fatal(err)
	}
	var p fakeslack.Payload
	if err := json.Unmarshal(raw, &p); err != nil {
		t.Fatal(err)
	}
	if err := p.Check(); err != nil {
		t.Errorf("Slack would refuse it: %v\n%s", err, raw)
	}
	return p
}

// TestManyNamed demands every one of many alerts in the digest, and all that
// had no room in its count.
func TestManyNamed(t *testing.T) {
	for _, n := range []int{2, 60, 100, 5000} {
		var notices []alert.Notice
		for k := range n {
			notices = append(notices, alert.Notice{Kind: alert.Firing, Incident: incident(fmt.Sprintf("gw-%04d", k))})
		}
		text := checked(t, batchOf(notices...)).Show(false)
		named := strings.Count(text, `instance="gw-`)
		more := 0
		if _, rest, ok := strings.Cut(text, "… and "); ok {
			if _, err := fmt.Sscanf(rest, "%d more", &more); err != nil {
				t.Fatal(err)
			}
		}
		if named+more != n || named < min(n, 60) {
			t.Errorf("%d alerts: %d named and %d counted", n, named, more)
		}
	}
}

// FuzzPayload builds messages out of anything.
func FuzzPayload(f *testing.F) {
	f.Add("rule", "series{a=\"b\"}", "reason", "v", 3, 1.5, uint8(0))
	f.Add("<!channel>", "`&<>*_~|", "\x00\n\u202e", "🔴", 70, 1e308, uint8(255))
	f.Add(strings.Repeat("é&", 3000), strings.Repeat("🔥", 5000), strings.Repeat("a\n", 4000), strings.Repeat("`", 300), 300, -1e-300, uint8(7))
	f.Fuzz(func(t *testing.T, rule, series, reason, label string, many int, value float64, bits uint8) {
		kinds := []alert.Kind{alert.Firing, alert.Resolved, alert.Still, alert.Note}
		var b alert.Batch
		for k := range max(1, many%400) {
			i := incident(label)
			i.Rule, i.Series, i.Reason, i.Severity = rule, series, reason, label
			i.Value, i.Z = alert.Number(value), alert.Number(value*2)
			i.Recent = []alert.Number{alert.Number(value), alert.Number(-value), alert.Number(math.NaN())}
			i.Drivers = []alert.Driver{{Label: label, Value: series, Share: value}}
			i.Links = []alert.Link{{Name: label, URL: "https://x/" + series}}
			n := alert.Notice{Kind: kinds[(k+int(bits))%len(kinds)], Incident: i, Text: reason}
			b.Entries = append(b.Entries, alert.Entry{Seq: uint64(k), Notices: []alert.Notice{n}, MayRepeat: bits&1 > 0, Plain: bits&2 > 0 && k == 0, Tried: []string{label, rule}})
		}
		p := checked(t, b)
		raw, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(raw), "<!") {
			t.Errorf("a mention got through: %s", raw)
		}
		sum := 0
		for _, block := range p.Blocks {
			if block.Text != nil {
				sum += width(block.Text.Text)
			}
		}
		if sum > maxSum || len(p.Blocks) > 45 {
			t.Errorf("%d characters in %d blocks", sum, len(p.Blocks))
		}
	})
}

func TestSparkline(t *testing.T) {
	for want, values := range map[string][]alert.Number{
		"":       nil,
		"▁":      {5},
		"▁▁":     {5, 5},
		"▁▅█":    {0, 1, 2},
		"▁ █":    {-1e308, alert.Number(math.NaN()), 1e308},
		"▁▂▃▄▅█": {0, 1, 2, 3, 4, 7},
	} {
		if got := Sparkline(values); got != want {
			t.Errorf("%v: %q, want %q", values, got, want)
		}
	}
}
