package alert

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// brokenFor is after how long a receiver that refused for good is tried anew.
	brokenFor = 10 * time.Minute
	// namesGivenUp bounds the incidents that the last word about lost messages names.
	namesGivenUp = 20
)

// Batch is what is to be sent in one message.
type Batch struct {
	Receiver string
	Entries  []Entry // copies, the oldest first
	// Digest says that so much waits that it is to be told in brief.
	Digest bool
}

// Seq is the number of the message, by which two copies of it are told to be one.
func (b *Batch) Seq() uint64 { return b.Entries[len(b.Entries)-1].Seq }

// Plain says that a part of it was refused in any other form than text.
func (b *Batch) Plain() bool {
	return slices.ContainsFunc(b.Entries, func(e Entry) bool { return e.Plain })
}

// MayRepeat says that a part of it may have arrived before.
func (b *Batch) MayRepeat() bool {
	return slices.ContainsFunc(b.Entries, func(e Entry) bool { return e.MayRepeat })
}

// Notices are all that is to be said.
func (b *Batch) Notices() []Notice {
	var out []Notice
	for _, e := range b.Entries {
		out = append(out, e.Notices...)
	}
	return out
}

// FellFrom are the receivers that refused a part of it for good.
func (b *Batch) FellFrom() []string {
	var out []string
	for _, e := range b.Entries {
		for _, name := range e.Tried {
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// Claim answers what is to be sent to a receiver now. Without any, it answers
// when to ask again, which is the zero time when nothing waits. The caller sends
// the batch and calls [Book.Settle] before it claims again.
func (b *Book) Claim(receiver string, now time.Time) (_ Batch, next time.Time, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.commit()
	b.giveUp(receiver, now)
	if h := b.holds[receiver]; h != nil && now.Before(h.Until) {
		if !h.Broken || !b.fallOver(receiver, b.due(receiver, now), h.Why) {
			return Batch{}, h.Until, false
		}
	}
	due := b.due(receiver, now)
	due = slices.DeleteFunc(due, func(e *Entry) bool { return !b.stillTold(e, now) })
	if len(due) == 0 {
		return Batch{}, b.nextDue(receiver), false
	}
	out := Batch{Receiver: receiver}
	over := b.config.receiver(receiver).DigestOver
	if out.Digest = over > 0 && len(due) > over; !out.Digest {
		due = due[:1]
	}
	for _, e := range due {
		e.Open = true
		e.Attempts++
		b.dirty.outbox[e.Seq] = true
		out.Entries = append(out.Entries, e.copy())
	}
	return out, time.Time{}, true
}

// Wake is sent to when there may be something to claim.
func (b *Book) Wake(receiver string) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.wake[receiver] == nil {
		b.wake[receiver] = make(chan struct{}, 1)
	}
	return b.wake[receiver]
}

func (e *Entry) copy() Entry {
	out := *e
	out.Notices, out.Tried = slices.Clone(e.Notices), slices.Clone(e.Tried)
	return out
}

// due are the entries of a receiver whose time has come, the oldest first.
func (b *Book) due(receiver string, now time.Time) []*Entry {
	var out []*Entry
	for _, e := range b.outbox {
		if e.Receiver == receiver && !e.Open && !now.Before(e.Due) {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(x, y *Entry) int { return int(int64(x.Seq) - int64(y.Seq)) })
	return out
}

func (b *Book) nextDue(receiver string) (next time.Time) {
	for _, e := range b.outbox {
		if e.Receiver == receiver && !e.Open && (next.IsZero() || e.Due.Before(next)) {
			next = e.Due
		}
	}
	return next
}

// stillTold takes out of a message the incidents that a silence or another
// incident has come to hold while it waited, and reports whether any is left.
func (b *Book) stillTold(e *Entry, now time.Time) bool {
	if e.Attempts > 0 {
		return true // it may have been read already
	}
	left := slices.DeleteFunc(slices.Clone(e.Notices), func(n Notice) bool {
		i := b.incidents[n.Incident.ID]
		if n.Kind != Firing || i == nil || !i.Open() {
			return false
		}
		held := b.held(i, now)
		if held == "" {
			return false
		}
		i.Held, i.Told = held, time.Time{}
		b.count.Held++
		b.dirty.incidents[i.ID] = true
		return true
	})
	if len(left) == len(e.Notices) {
		return true
	}
	e.Notices = left
	b.dirty.outbox[e.Seq] = true
	if len(left) == 0 {
		delete(b.outbox, e.Seq)
	}
	return len(left) > 0
}

// Result is what became of a batch.
type Result uint8

// The results that there are.
const (
	Delivered Result = iota
	Later            // try again after a time: overloaded, out of reach
	Malformed        // the form was refused: try as plain text
	Gone             // refused for good: tell the fallback
)

// Outcome is what a sender tells of a batch.
type Outcome struct {
	Result Result
	After  time.Duration // of Later: how long nothing may be sent to this receiver
	// Limited says that the receiver asked for that by a 429.
	Limited bool
	// Unknown says that it may have arrived all the same.
	Unknown bool
	Why     string // without secrets
}

// Settle takes what became of a claimed batch.
func (b *Book) Settle(now time.Time, batch Batch, o Outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var entries []*Entry
	for _, sent := range batch.Entries {
		if e := b.outbox[sent.Seq]; e != nil {
			e.Open, e.LastError = false, o.Why
			e.MayRepeat = e.MayRepeat || o.Unknown
			b.dirty.outbox[e.Seq] = true
			entries = append(entries, e)
		}
	}
	b.tally(batch, o)
	switch o.Result {
	case Delivered:
		b.delivered(now, batch, entries)
	case Later:
		b.hold(batch.Receiver, Hold{Until: now.Add(o.After), Limited: o.Limited, Why: o.Why})
		b.log.Warn("not delivered, will be tried again", "receiver", batch.Receiver, "in", o.After.Round(time.Millisecond), "error", o.Why)
	case Malformed:
		b.malformed(now, batch, entries, o.Why)
	case Gone:
		b.gone(now, batch.Receiver, entries, o.Why)
	}
	b.commit()
}

func (b *Book) tally(batch Batch, o Outcome) {
	if batch.Digest && o.Result == Delivered {
		b.count.Digests++
	}
	if o.Limited {
		b.count.Limited++
	}
	switch o.Result {
	case Delivered:
		b.count.Delivered++
	case Later:
		b.count.Retried++
	case Malformed, Gone:
		b.count.Refused++
	}
}

// entriesError is what the sender had to say.
func entriesError(entries []*Entry) string {
	for _, e := range entries {
		if e.LastError != "" {
			return e.LastError
		}
	}
	return ""
}

func (b *Book) delivered(now time.Time, batch Batch, entries []*Entry) {
	for _, e := range entries {
		if e.MayRepeat {
			b.count.MayHaveTwice++
		}
		b.lastSent[e.Group] = now
		delete(b.outbox, e.Seq)
	}
	if b.holds[batch.Receiver] != nil {
		delete(b.holds, batch.Receiver)
		b.dirty.holds[batch.Receiver] = true
	}
	if why := entriesError(entries); why != "" {
		b.log.Warn("delivered in part", "receiver", batch.Receiver, "message", batch.Seq(), "error", why)
	}
	b.log.Info("delivered", "receiver", batch.Receiver, "message", batch.Seq(), "notices", len(batch.Notices()), "digest", batch.Digest)
}

func (b *Book) hold(receiver string, h Hold) {
	b.holds[receiver] = &h
	b.dirty.holds[receiver] = true
}

// malformed degrades a message once; what is refused as text too is refused for good.
func (b *Book) malformed(now time.Time, batch Batch, entries []*Entry, why string) {
	if batch.Plain() {
		b.gone(now, batch.Receiver, entries, why)
		return
	}
	b.log.Warn("the message's form was refused: it goes out as plain text", "receiver", batch.Receiver, "error", why)
	for _, e := range entries {
		e.Plain = true
	}
}

func (b *Book) gone(now time.Time, receiver string, entries []*Entry, why string) {
	b.hold(receiver, Hold{Until: now.Add(brokenFor), Broken: true, Why: why})
	if b.fallOver(receiver, entries, why) {
		return
	}
	b.log.Error("the receiver refuses messages and has no fallback: they are kept and tried again", "receiver", receiver, "in", brokenFor, "error", why)
}

// fallOver hands messages to the receiver's fallback. It reports whether there is one.
func (b *Book) fallOver(receiver string, entries []*Entry, why string) bool {
	to := b.config.receiver(receiver).Fallback
	if to == "" {
		return false
	}
	for _, e := range entries {
		if slices.Contains(e.Tried, to) {
			return false // it has been there: in a circle of fallbacks it stays
		}
	}
	for _, e := range entries {
		e.Receiver, e.Plain = to, false
		e.Tried = append(e.Tried, receiver)
		b.dirty.outbox[e.Seq] = true
		b.count.FellOver++
		b.log.Error("the receiver refuses messages: this one goes to its fallback", "receiver", receiver, "fallback", to, "message", e.Seq, "error", why)
	}
	return true
}

// giveUp drops messages that are too old to be of use, and leaves a last word
// about them.
func (b *Book) giveUp(receiver string, now time.Time) {
	limit := b.config.receiver(receiver).MaxAge
	if limit <= 0 {
		return
	}
	var ids []string
	for _, e := range b.due(receiver, now) {
		if now.Sub(e.Created) < limit {
			continue
		}
		for _, n := range e.Notices {
			if id := n.Incident.ID; id != "" && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
		b.log.Error("message given up", "receiver", receiver, "message", e.Seq, "age", now.Sub(e.Created).Round(time.Second), "error", e.LastError)
		b.count.GaveUp++
		delete(b.outbox, e.Seq)
		b.dirty.outbox[e.Seq] = true
	}
	if len(ids) == 0 {
		return
	}
	text := fmt.Sprintf("Messages about %d incidents could not be delivered for %v and were given up: %s",
		len(ids), limit, strings.Join(ids[:min(len(ids), namesGivenUp)], ", "))
	if more := len(ids) - namesGivenUp; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	b.put(&Entry{Receiver: receiver, Group: receiver + "\x00note", Created: now, Due: now, Notices: []Notice{{Kind: Note, At: now, Text: text}}})
}

// Outbox are copies of the messages that wait, the oldest first.
func (b *Book) Outbox() []Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]Entry, 0, len(b.outbox))
	for _, e := range b.outbox {
		out = append(out, e.copy())
	}
	slices.SortFunc(out, func(x, y Entry) int { return int(int64(x.Seq) - int64(y.Seq)) })
	return out
}

// Holds says of each receiver that is not sent to now, why.
func (b *Book) Holds(now time.Time) map[string]Hold {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := map[string]Hold{}
	for name, h := range b.holds {
		if now.Before(h.Until) {
			out[name] = *h
		}
	}
	return out
}

// Retry has all messages sent now, whatever their receivers have said but for a
// pause that one of them asked for. It answers how many there are.
func (b *Book) Retry(now time.Time) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name, h := range b.holds {
		if !h.Limited {
			delete(b.holds, name)
			b.dirty.holds[name] = true
		}
	}
	for _, e := range b.outbox {
		if e.Due.After(now) {
			e.Due = now
		}
		b.dirty.outbox[e.Seq] = true
	}
	b.commit()
	return len(b.outbox)
}

// Drop takes a message out of the outbox unsent.
func (b *Book) Drop(seq uint64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.outbox[seq]
	if e == nil {
		return fmt.Errorf("there is no message %d in the outbox", seq)
	}
	if e.Open {
		return fmt.Errorf("message %d is being sent", seq)
	}
	delete(b.outbox, seq)
	b.dirty.outbox[seq] = true
	b.commit()
	return nil
}
