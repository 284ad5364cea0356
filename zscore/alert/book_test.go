package alert

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAlertAndResolve(t *testing.T) {
	m := newMemory()
	b := open(t, m, plainConfig())
	b.Apply(t0, fire("rps", "a"), fire("rps", "b"), fire("rps", "a"))
	if m.commits != 1 {
		t.Errorf("%d transactions for one set of events, want 1", m.commits)
	}
	if _, next, ok := b.Claim("slack", t0.Add(4*time.Second)); ok || !next.Equal(t0.Add(5*time.Second)) {
		t.Errorf("within the group's wait: claimed %v, next at %v", ok, next)
	}
	batch := claim(t, b, "slack", t0.Add(5*time.Second))
	if diff := cmp.Diff([]string{"firing a", "firing b"}, said(batch)); diff != "" {
		t.Errorf("first message (-want +got):\n%s", diff)
	}
	b.Settle(t0.Add(6*time.Second), batch, Outcome{})
	b.Apply(t0.Add(time.Minute), resolve("a"), resolve("a"), resolve("unknown"))
	batch = claim(t, b, "slack", t0.Add(2*time.Minute))
	if diff := cmp.Diff([]string{"resolved a"}, said(batch)); diff != "" {
		t.Errorf("second message (-want +got):\n%s", diff)
	}
	b.Settle(t0.Add(2*time.Minute), batch, Outcome{})
	if left := b.Outbox(); len(left) > 0 {
		t.Errorf("left in the outbox: %+v", left)
	}
	if got := b.Incidents(); len(got) != 2 || !got[0].Open() || got[1].Open() || got[1].PeakZ != 8 {
		t.Errorf("incidents: %+v, want b open and a ended with its peak", got)
	}
}

// TestRestart ends the process at every point of a message's life.
func TestRestart(t *testing.T) {
	m := newMemory()
	b := open(t, m, plainConfig())
	b.Apply(t0, fire("rps", "a"))
	b = open(t, m, plainConfig()) // before it was claimed
	batch := claim(t, b, "slack", t0.Add(time.Minute))
	if batch.MayRepeat() {
		t.Error("a message that was never tried says that it may be a repeat")
	}
	seq := batch.Seq()
	b = open(t, m, plainConfig()) // while it was sent
	batch = claim(t, b, "slack", t0.Add(time.Minute))
	if !batch.MayRepeat() || batch.Seq() != seq {
		t.Errorf("a message whose attempt was cut off: may repeat %v, number %d, want true, %d", batch.MayRepeat(), batch.Seq(), seq)
	}
	b.Settle(t0.Add(time.Minute), batch, Outcome{})
	b = open(t, m, plainConfig()) // after it was delivered
	if _, _, ok := b.Claim("slack", t0.Add(time.Hour)); ok {
		t.Error("a delivered message is sent again")
	}
	b.Apply(t0.Add(time.Hour), fire("rps", "a"))
	if n := len(b.Outbox()); n != 0 {
		t.Errorf("%d messages for an incident that was open before the restart, want none", n)
	}
	b.Apply(t0.Add(time.Hour), resolve("a"))
	batch = claim(t, b, "slack", t0.Add(2*time.Hour))
	if diff := cmp.Diff([]string{"resolved a"}, said(batch)); diff != "" {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
	if batch.Seq() <= seq {
		t.Errorf("message %d comes after %d", batch.Seq(), seq)
	}
}

func TestFullDisk(t *testing.T) {
	m := newMemory()
	b := open(t, m, plainConfig())
	m.full = true
	b.Apply(t0, fire("rps", "a"))
	if b.Err() == nil {
		t.Error("the book does not say that it can't write")
	}
	batch := claim(t, b, "slack", t0.Add(time.Minute))
	b.Settle(t0.Add(time.Minute), batch, Outcome{})
	m.full = false
	b.Apply(t0.Add(time.Minute), fire("rps", "b"))
	if b.Err() != nil {
		t.Errorf("after there is room again: %v", b.Err())
	}
	b = open(t, m, plainConfig())
	if got := b.Incidents(); len(got) != 2 {
		t.Errorf("%d incidents on disk, want also the one that had no room: %+v", len(got), got)
	}
	if got := b.Outbox(); len(got) != 1 {
		t.Errorf("%d messages wait, want the one that was not sent: %+v", len(got), got)
	}
}

func TestSilence(t *testing.T) {
	b := open(t, newMemory(), plainConfig())
	match, err := ParseMatchers(`rule="rps", instance=~"a|b"`)
	if err != nil {
		t.Fatal(err)
	}
	id, err := b.AddSilence(Silence{Match: match, From: t0, To: t0.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	b.Apply(t0, fire("rps", "a"), fire("rps", "c"))
	if diff := cmp.Diff([]string{"firing c"}, said(claim(t, b, "slack", t0.Add(time.Minute)))); diff != "" {
		t.Errorf("with a silence (-want +got):\n%s", diff)
	}
	if err := b.EndSilence(t0.Add(2*time.Minute), id); err != nil {
		t.Fatal(err)
	}
	b.Tick(t0.Add(2 * time.Minute))
	if diff := cmp.Diff([]string{"firing a"}, said(claim(t, b, "slack", t0.Add(3*time.Minute)))); diff != "" {
		t.Errorf("after the silence (-want +got):\n%s", diff)
	}
	if err := b.EndSilence(t0.Add(3*time.Minute), id); err == nil {
		t.Error("a silence ended twice")
	}
	for name, s := range map[string]Silence{
		"without matchers":       {From: t0, To: t0.Add(time.Hour)},
		"that ends at its start": {Match: match, From: t0, To: t0},
	} {
		if _, err := b.AddSilence(s); err == nil {
			t.Errorf("a silence %s was taken", name)
		}
	}
}

// TestSilenceOwesResolve silences an incident between its two messages.
func TestSilenceOwesResolve(t *testing.T) {
	b := open(t, newMemory(), plainConfig())
	b.Apply(t0, fire("rps", "a"), fire("cpu", "x"))
	b.Settle(t0, claim(t, b, "slack", t0.Add(time.Minute)), Outcome{})
	b.Settle(t0, claim(t, b, "slack", t0.Add(time.Minute)), Outcome{})
	match, _ := ParseMatchers(`rule=~".*"`)
	if _, err := b.AddSilence(Silence{Match: match, From: t0, To: t0.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	b.Apply(t0.Add(2*time.Minute), fire("rps", "b"))
	b.Apply(t0.Add(2*time.Minute), resolve("a"), resolve("b"))
	if diff := cmp.Diff([]string{"resolved a"}, said(claim(t, b, "slack", t0.Add(3*time.Minute)))); diff != "" {
		t.Errorf("under a silence (-want +got):\n%s", diff)
	}
}

func TestInhibit(t *testing.T) {
	c := plainConfig()
	down, _ := ParseMatchers(`rule="down"`)
	rps, _ := ParseMatchers(`rule="rps"`)
	c.Inhibits = []Inhibit{{If: down, Then: rps, Equal: []string{"instance"}}}
	b := open(t, newMemory(), c)
	// The consequence is seen a moment before the cause, and waits for its group.
	b.Apply(t0, fire("rps", "a"), fire("rps", "b"))
	b.Apply(t0.Add(time.Second), fire("down", "a"))
	got := append(said(claim(t, b, "slack", t0.Add(time.Minute))), said(claim(t, b, "slack", t0.Add(time.Minute)))...)
	if diff := cmp.Diff([]string{"firing b", "firing a"}, got); diff != "" {
		t.Errorf("said (-want +got):\n%s", diff)
	}
	for _, i := range b.Incidents() {
		if held := i.Held != ""; held != (i.Rule == "rps" && i.Series == "a") {
			t.Errorf("%s %s is held by %q", i.Rule, i.Series, i.Held)
		}
	}
}

func TestMute(t *testing.T) {
	seoul := time.FixedZone("KST", 9*3600)
	for _, c := range []struct {
		window string
		at     string // local time
		want   bool
	}{
		{"tue 02:00-03:00", "2026-11-24 02:00", true},
		{"tue 02:00-03:00", "2026-11-24 02:59", true},
		{"tue 02:00-03:00", "2026-11-24 03:00", false},
		{"tue 02:00-03:00", "2026-11-25 02:30", false},
		{"mon-fri 22:00-06:00", "2026-11-27 23:00", true},
		{"mon-fri 22:00-06:00", "2026-11-28 05:59", true},
		{"mon-fri 22:00-06:00", "2026-11-28 22:30", false},
		{"mon-fri 22:00-06:00", "2026-11-30 05:00", false},
		{"sat,Sunday 00:00-24:00", "2026-11-29 23:59", true},
		{"fri-mon 09:00-10:00", "2026-11-29 09:30", true},
		{"09:00-10:00", "2026-11-25 09:30", true},
	} {
		days, from, to, err := ParseWeekly(c.window)
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.ParseInLocation("2006-01-02 15:04", c.at, seoul)
		if err != nil {
			t.Fatal(err)
		}
		m := Mute{Days: days, From: from, To: to, Zone: seoul}
		if got := m.covers(&Incident{}, at.UTC()); got != c.want {
			t.Errorf("%s at %s: %v, want %v", c.window, c.at, got, c.want)
		}
	}
	for _, bad := range []string{"", "tue", "tue 02:00", "tuesdays 02:00-03:00", "tue 2-3", "24:00-01:00", "mon 01:00-02:00 03:00"} {
		if _, _, _, err := ParseWeekly(bad); err == nil {
			t.Errorf("%q was taken for a weekly window", bad)
		}
	}
}

func TestRepeat(t *testing.T) {
	c := plainConfig()
	c.Routes[0].Repeat = 4 * time.Hour
	b := open(t, newMemory(), c)
	b.Apply(t0, fire("rps", "a"))
	b.Settle(t0, claim(t, b, "slack", t0.Add(time.Minute)), Outcome{})
	var got []string
	for at := t0; at.Before(t0.Add(9 * time.Hour)); at = at.Add(time.Minute) {
		b.Tick(at)
		if batch, _, ok := b.Claim("slack", at); ok {
			got = append(got, fmt.Sprint(said(batch)[0], " after ", at.Sub(t0).Round(time.Hour)))
			b.Settle(at, batch, Outcome{})
		}
	}
	if diff := cmp.Diff([]string{"still a after 4h0m0s", "still a after 8h0m0s"}, got); diff != "" {
		t.Errorf("repeats (-want +got):\n%s", diff)
	}
}

func TestAbsorb(t *testing.T) {
	b := open(t, newMemory(), plainConfig())
	b.Apply(t0, fire("rps", "a"))
	id := b.Incidents()[0].ID
	if i, err := b.Absorb(t0.Add(time.Second), id); err != nil || i.Open() || i.Over == "" {
		t.Errorf("absorbed: %+v, %v", i, err)
	}
	if _, err := b.Absorb(t0, id); err == nil {
		t.Error("an ended incident was absorbed")
	}
	if diff := cmp.Diff([]string{"firing a", "resolved a"}, said(claim(t, b, "slack", t0.Add(time.Minute)))); diff != "" {
		t.Errorf("said (-want +got):\n%s", diff)
	}
}

func TestMatchers(t *testing.T) {
	i := fire("gateway-rps", "gw-1").Incident
	for _, c := range []struct {
		text string
		want bool
	}{
		{`rule=gateway-rps`, true},
		{`{rule="gateway-rps", instance!="gw-2"}`, true},
		{`rule=~"gateway-.*",instance!~"gw-[2-9]"`, true},
		{`rule=~"gateway"`, false},
		{`severity=page`, true},
		{`zone=""`, true},
		{``, true},
	} {
		ms, err := ParseMatchers(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := ms.Match(i.label); got != c.want {
			t.Errorf("%s: %v, want %v", c.text, got, c.want)
		}
		if again, err := ParseMatchers(ms.String()); err != nil || again.String() != ms.String() {
			t.Errorf("%s, written as %s, is read as %s, %v", c.text, ms, again, err)
		}
	}
	for _, bad := range []string{"rule", "rule=~(", `rule="a" instance="b"`, "=x", `rule="a`} {
		if _, err := ParseMatchers(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func FuzzMatchers(f *testing.F) {
	for _, seed := range []string{`{rule="a",b=~"c.*"}`, `a!="\"",b!~x`, `rule=`, `{}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ms, err := ParseMatchers(text)
		if err != nil {
			return
		}
		if again, err := ParseMatchers(ms.String()); err != nil || again.String() != ms.String() {
			t.Errorf("%q, written as %s, is read as %s, %v", text, ms, again, err)
		}
	})
}

func TestReceiverGone(t *testing.T) {
	b := open(t, newMemory(), plainConfig())
	b.Apply(t0, fire("rps", "a"))
	c := plainConfig()
	c.Receivers, c.Routes[0].Receivers = c.Receivers[1:], []string{"file"}
	b.Configure(c)
	if diff := cmp.Diff([]string{"firing a"}, said(claim(t, b, "file", t0.Add(time.Minute)))); diff != "" {
		t.Errorf("the heir got (-want +got):\n%s", diff)
	}
}
