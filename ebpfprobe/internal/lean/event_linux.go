package lean

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/cilium/ebpf/ringbuf"
)

// Kinds of events and of scripts, as in maps.h and server.h.
const (
	eventBatch = iota + 1
	eventHold
	eventScript
)

const (
	scriptSHA = iota + 1
	scriptText
	scriptLong
)

// Part is some of a batch's requests, all of one name.
type Part struct {
	Name string
	N    uint64
}

// Event is a slow batch of requests, or one chosen by chance; or a hold of the
// event loop, from the read of a batch to what the loop did next. Times are
// nanoseconds of CLOCK_MONOTONIC.
type Event struct {
	Place   int
	Hold    bool
	Arrived uint64 // 0 if it is not known, and of a hold
	Read    uint64
	End     uint64 // the reply's first write; the end of a hold
	// What of the time from Read to End the event loop spent so, if the tiers that
	// measure it are on.
	Fsync, Forked, RunQueue, Blocked uint64

	Client, Server netip.AddrPort // not valid for a Unix socket
	Seq            uint32         // TCP's number of the batch's first byte, if asked for
	Size           uint64         // requests in the batch
	Parts          []Part         // of a hold only the first
	Script         string         // sha1 of the script that it ran, "?" if that is not known
	Error          bool
	Exemplar       bool
	Blocking       bool // a name among them may wait for other clients
	Text           []byte
}

// Drain calls each with every event that waits, in the order in which they
// happened.
func (t *Tier) Drain(each func(Event)) error {
	if err := t.readNames(); err != nil {
		return err
	}
	t.events.SetDeadline(time.Unix(1, 0)) // long ago: take what is there
	var rec ringbuf.Record
	for {
		err := t.events.ReadInto(&rec)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read events: %w", err)
		}
		if err := t.event(rec.RawSample, each); err != nil {
			return err
		}
	}
}

// event decodes one record. A script comes before the hold that ran it.
func (t *Tier) event(raw []byte, each func(Event)) error {
	if len(raw) >= 4 && binary.LittleEndian.Uint32(raw) == eventScript {
		var s bpfEventScript
		if _, err := binary.Decode(raw, binary.LittleEndian, &s); err != nil {
			return fmt.Errorf("decode a script: %w", err)
		}
		t.script[s.Server] = s.Script
		return nil
	}
	var b bpfEvent
	if _, err := binary.Decode(raw, binary.LittleEndian, &b); err != nil {
		return fmt.Errorf("decode an event: %w", err)
	}
	e := Event{
		Place: int(b.Server), Hold: b.Kind == eventHold,
		Arrived: b.Arrived, Read: b.Read, End: b.End,
		Fsync: b.Fsync, Forked: b.Forked, RunQueue: b.RunQueue, Blocked: b.Blocked,
		Size: uint64(b.Size), Seq: b.Seq,
		Error: b.Error != 0, Exemplar: b.Exemplar != 0, Blocking: b.Blocking != 0,
		Script: t.scriptOf(&b),
	}
	if b.From.ClientPort != 0 {
		e.Client = netip.AddrPortFrom(netip.AddrFrom16(b.From.Client).Unmap(), b.From.ClientPort)
		e.Server = netip.AddrPortFrom(netip.AddrFrom16(b.From.Server).Unmap(), b.From.ServerPort)
	}
	for _, p := range b.Part[:min(int(b.Parts), len(b.Part))] {
		n, ok := t.names[p.Slot]
		if !ok {
			n.text = Other
		}
		if n.kind == slotCommand {
			e.Parts = append(e.Parts, Part{Name: n.text, N: uint64(p.N)})
		}
	}
	if rest := raw[binary.Size(&b):]; b.Length > 0 && int(b.Length) <= len(rest) {
		e.Text = bytes.Clone(rest[:b.Length])
	}
	each(e)
	return nil
}

func (t *Tier) scriptOf(b *bpfEvent) string {
	switch b.Script {
	case 0:
		return ""
	case scriptSHA:
		if _, err := hex.DecodeString(string(b.Sha[:])); err == nil {
			return string(bytes.ToLower(b.Sha[:]))
		}
	case scriptText:
		s, ok := t.script[b.Server]
		if b.Kind == eventHold && ok && int(s.Length) <= len(s.Text) {
			sum := sha1.Sum(s.Text[:s.Length])
			return hex.EncodeToString(sum[:])
		}
	}
	return "?"
}
