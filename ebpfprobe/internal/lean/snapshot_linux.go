package lean

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/cilium/ebpf"

	"github.com/clewhq/clew/ebpfprobe/report"
)

// name is what a slot counts.
type name struct {
	place uint16
	kind  uint16
	text  string
}

// Other is the name of commands that found no place in the kernel's table.
const Other = "OTHER"

// Place is what was counted of one server.
type Place struct {
	Commands []report.Command
	Clients  []report.Client
	Prefixes []report.Prefix
	Sizes    report.Histogram

	Connections uint64
	Resyncs     uint64
	Unread      uint64 // reads whose bytes could not be had
	LostService uint64 // requests whose service time found no room
	Threads     bool
	TLS         bool
}

// Snapshot reads what was counted, by place. Only places with a server have
// something.
func (t *Tier) Snapshot(places int) ([]Place, map[string]uint64, error) {
	if err := t.readNames(); err != nil {
		return nil, nil, err
	}
	out := make([]Place, places)
	lost := map[string]uint64{}
	for i := range out {
		at := uint32(i)
		var s bpfServer
		if err := t.objects.Servers.Lookup(&at, &s); err != nil {
			return nil, nil, fmt.Errorf("read server %d: %w", i, err)
		}
		if err := histogram(t.objects.Sizes, at, &out[i].Sizes); err != nil {
			return nil, nil, err
		}
		out[i].Connections, out[i].Resyncs = s.Connections, s.Resyncs
		out[i].Unread, out[i].LostService = s.Unread, s.LostService
		out[i].Threads, out[i].TLS = s.Threads != 0, s.Tls != 0
		add(lost, "events", s.LostEvents)
		add(lost, "reads", s.Unread)
		add(lost, "services", s.LostService)
	}
	for slot, n := range t.names {
		if int(n.place) >= places {
			continue
		}
		if err := t.count(&out[n.place], slot, n); err != nil {
			return nil, nil, err
		}
	}
	missed, err := t.missed()
	add(lost, "runs", missed)
	return out, lost, err
}

func add(lost map[string]uint64, kind string, n uint64) {
	if n > 0 {
		lost[kind] += n
	}
}

func (t *Tier) count(p *Place, slot uint32, n name) error {
	var info bpfInfo
	if err := t.objects.Infos.Lookup(&slot, &info); err != nil {
		return fmt.Errorf("read the counts of %s: %w", n.text, err)
	}
	if info.Count == 0 {
		return nil
	}
	c := report.Command{Name: n.text, Count: info.Count, Errors: info.Errors}
	if err := t.phasesOf(slot, &c.Phases); err != nil {
		return err
	}
	switch n.kind {
	case slotCommand:
		p.Commands = append(p.Commands, c)
	case slotClient:
		c.Name = ""
		p.Clients = append(p.Clients, report.Client{Address: n.text, Conns: int(info.Connections), Command: c})
	case slotPrefix:
		c.Name = ""
		p.Prefixes = append(p.Prefixes, report.Prefix{Prefix: n.text, Command: c})
	}
	return nil
}

// phasesOf reads a slot's histograms, in the order of maps.h.
func (t *Tier) phasesOf(slot uint32, p *report.Phases) error {
	at := slot * t.phases
	if err := histogram(t.objects.Histograms, at, &p.Wait.Histogram); err != nil {
		return err
	}
	if err := histogram(t.objects.Histograms, at+1, &p.Service.Histogram); err != nil {
		return err
	}
	if t.phases == 2 {
		return nil
	}
	for i, d := range []**report.Durations{&p.Execute, &p.Write, &p.Fsync, &p.RunQueue, &p.Blocked} {
		var got report.Durations
		if err := histogram(t.objects.Histograms, at+2+uint32(i), &got.Histogram); err != nil {
			return err
		}
		if got.Count > 0 {
			*d = &got
		}
	}
	return nil
}

// readNames brings the names of slots up to date.
func (t *Tier) readNames() error {
	var next uint32
	if err := t.objects.NextSlot.Get(&next); err != nil {
		return fmt.Errorf("read the number of names: %w", err)
	}
	for place := range uint32(MaxServers) {
		for kind := range uint32(slotKinds) {
			t.names[kind*MaxServers+place] = name{place: uint16(place), kind: uint16(kind), text: Other}
		}
	}
	if next == t.slots {
		return nil
	}
	// An entry that comes while we iterate may end that early; it is then begun anew.
	for range 10 {
		var key bpfSlotKey
		var slot uint32
		it := t.objects.Names.Iterate()
		for it.Next(&key, &slot) {
			t.names[slot] = name{place: key.Server, kind: key.Kind, text: key.text()}
		}
		err := it.Err()
		if err == nil {
			t.slots = next
			return nil
		}
		if !errors.Is(err, ebpf.ErrIterationAborted) {
			return fmt.Errorf("read names: %w", err)
		}
	}
	return nil // the next report has the rest
}

func (k *bpfSlotKey) text() string {
	var b [24]byte
	for i, w := range k.Name {
		binary.LittleEndian.PutUint64(b[8*i:], w)
	}
	if k.Kind == slotClient {
		addr := netip.AddrFrom16([16]byte(b[:16])).Unmap()
		if addr == netip.IPv6Unspecified() {
			return "unix socket"
		}
		return addr.String()
	}
	return printable(strings.TrimRight(string(b[:]), "\x00"))
}

// printable replaces what would harm a terminal or a page: names come from
// whoever can connect.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}
