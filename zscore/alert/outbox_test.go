package alert

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func apart() Config {
	c := plainConfig()
	c.Routes[0].GroupBy = []string{"rule", "instance"}
	return c
}

func fireMany(b *Book, n int) {
	var events []Event
	for k := range n {
		events = append(events, fire("rps", fmt.Sprintf("gw-%02d", k)))
	}
	b.Apply(t0, events...)
}

func TestDigest(t *testing.T) {
	for _, n := range []int{5, 6, 60} {
		b := open(t, newMemory(), apart())
		fireMany(b, n)
		batch := claim(t, b, "slack", t0.Add(time.Minute))
		want := 1
		if n > 5 {
			want = n
		}
		if len(batch.Entries) != want || batch.Digest != (n > 5) {
			t.Errorf("%d waiting messages: claimed %d, digest %v", n, len(batch.Entries), batch.Digest)
		}
		if _, _, ok := b.Claim("slack", t0.Add(time.Minute)); ok && n > 5 {
			t.Error("a message was claimed twice")
		}
	}
}

// TestLater holds a receiver back, through a restart too.
func TestLater(t *testing.T) {
	m := newMemory()
	b := open(t, m, apart())
	fireMany(b, 2)
	at := t0.Add(time.Minute)
	b.Settle(at, claim(t, b, "slack", at), Outcome{Result: Later, After: 30 * time.Second, Limited: true, Why: "429"})
	b.Retry(at)
	for range 2 {
		if _, next, ok := b.Claim("slack", at.Add(29*time.Second)); ok || !next.Equal(at.Add(30*time.Second)) {
			t.Errorf("before its time: claimed %v, next %v", ok, next)
		}
		b = open(t, m, apart())
	}
	batch := claim(t, b, "slack", at.Add(30*time.Second))
	if batch.MayRepeat() {
		t.Error("a refused message says that it may be a repeat")
	}
	b.Settle(at, batch, Outcome{Result: Later, After: time.Second, Unknown: true, Why: "no answer"})
	if again := claim(t, b, "slack", at.Add(time.Minute)); !again.MayRepeat() || again.Seq() != batch.Seq() {
		t.Errorf("a message without an answer: %+v", again)
	}
}

func TestMalformed(t *testing.T) {
	b := open(t, newMemory(), apart())
	fireMany(b, 1)
	at := t0.Add(time.Minute)
	b.Settle(at, claim(t, b, "slack", at), Outcome{Result: Malformed, Why: "400"})
	batch := claim(t, b, "slack", at)
	if !batch.Plain() {
		t.Error("a message of a form that was refused is sent in the same form")
	}
	b.Settle(at, batch, Outcome{Result: Malformed, Why: "400"})
	if batch = claim(t, b, "file", at); batch.Plain() || !cmp.Equal(batch.FellFrom(), []string{"slack"}) {
		t.Errorf("the fallback's message: %+v", batch)
	}
}

func TestFallback(t *testing.T) {
	b := open(t, newMemory(), apart())
	fireMany(b, 2)
	at := t0.Add(time.Minute)
	b.Settle(at, claim(t, b, "slack", at), Outcome{Result: Gone, Why: "410"})
	if _, _, ok := b.Claim("slack", at); ok {
		t.Error("a receiver that has just refused for good is tried again")
	}
	var got []string
	for range 2 {
		batch := claim(t, b, "file", at)
		got = append(got, said(batch)...)
		b.Settle(at, batch, Outcome{})
	}
	if diff := cmp.Diff([]string{"firing gw-00", "firing gw-01"}, got); diff != "" {
		t.Errorf("the fallback got (-want +got):\n%s", diff)
	}
	b.Apply(at.Add(brokenFor), resolve("gw-00"))
	if got := said(claim(t, b, "slack", at.Add(brokenFor+time.Minute))); len(got) != 1 {
		t.Errorf("ten minutes later the receiver is not tried anew: %v", got)
	}
}

// TestNoFallback keeps a message that nobody takes.
func TestNoFallback(t *testing.T) {
	c := apart()
	c.Receivers[1].Fallback = "slack" // a circle
	b := open(t, newMemory(), c)
	fireMany(b, 1)
	at := t0.Add(time.Minute)
	b.Settle(at, claim(t, b, "slack", at), Outcome{Result: Gone, Why: "410"})
	b.Settle(at, claim(t, b, "file", at), Outcome{Result: Gone, Why: "403"})
	if got := b.Outbox(); len(got) != 1 {
		t.Fatalf("%d messages in the outbox, want the one that nobody took", len(got))
	}
	if b.Retry(at) != 1 {
		t.Error("it is not tried again")
	}
	for _, receiver := range []string{"slack", "file"} {
		if batch, _, ok := b.Claim(receiver, at); ok {
			b.Settle(at, batch, Outcome{})
		}
	}
	if got := b.Outbox(); len(got) != 0 {
		t.Errorf("after a retry there is still %+v", got)
	}
}

func TestGiveUp(t *testing.T) {
	b := open(t, newMemory(), apart())
	fireMany(b, 30)
	at := t0.Add(25 * time.Hour)
	batch := claim(t, b, "slack", at)
	text := batch.Notices()[0].Text
	if len(batch.Entries) != 1 || !strings.Contains(text, "30 incidents") || !strings.Contains(text, "and 10 more") {
		t.Errorf("the last word on 30 messages: %+v", batch)
	}
	if n := b.Counts().GaveUp; n != 30 {
		t.Errorf("%d messages were counted as given up, want 30", n)
	}
}

func TestDrop(t *testing.T) {
	b := open(t, newMemory(), apart())
	fireMany(b, 1)
	seq := b.Outbox()[0].Seq
	batch := claim(t, b, "slack", t0.Add(time.Minute))
	if err := b.Drop(seq); err == nil {
		t.Error("a message was dropped while it was being sent")
	}
	b.Settle(t0, batch, Outcome{Result: Later})
	if err := b.Drop(seq); err != nil || len(b.Outbox()) != 0 {
		t.Errorf("drop: %v, left %v", err, b.Outbox())
	}
	if err := b.Drop(seq); err == nil {
		t.Error("a message was dropped twice")
	}
}

func TestGroupInterval(t *testing.T) {
	c := plainConfig()
	c.Routes[0].GroupInterval = time.Minute
	b := open(t, newMemory(), c)
	b.Apply(t0, fire("rps", "a"))
	at := t0.Add(5 * time.Second)
	b.Settle(at, claim(t, b, "slack", at), Outcome{})
	b.Apply(at, fire("rps", "b"))
	if _, next, ok := b.Claim("slack", at.Add(30*time.Second)); ok || !next.Equal(at.Add(time.Minute)) {
		t.Errorf("within the group's interval: claimed %v, next %v", ok, next)
	}
}
