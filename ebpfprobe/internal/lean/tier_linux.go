package lean

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"

	"github.com/clewhq/clew/ebpfprobe/internal/need"
	"github.com/clewhq/clew/ebpfprobe/report"
)

// MaxServers is how many servers can be observed at once.
const MaxServers = 64

// Kinds of slots, as in maps.h.
const (
	slotCommand = iota
	slotClient
	slotPrefix
	slotKinds
)

// Config is what the programs are loaded with.
type Config struct {
	Slow        time.Duration // batches from here on are handed over
	Hold        time.Duration // and from here on, holds of the event loop
	SampleEvery uint32        // one batch in so many is handed over too; 0: none
	Text        bool          // with the beginning of the request
	Seq         bool          // with TCP's number of its first byte
	ByClient    bool
	ByPrefix    bool
	Shares      bool // the further tiers' parts of the service time
	TLS         bool // [Tier.WatchTLS] may be called

	// Without names tracepoints that are taken to be missing. It is for tests.
	Without []string
}

// Tier is the tier at work. Its methods must not be called at the same time.
type Tier struct {
	objects objects
	tls     map[uint32][]link.Link // of OpenSSL, by place
	phases  uint32
	links   []link.Link
	events  *ringbuf.Reader
	names   map[uint32]name // of slots
	slots   uint32          // up to which names were read
	script  map[uint32]bpfScript

	// Degraded is the tracepoint without which the tier does only a part of its work.
	Degraded *need.Error
}

// objects are those of bpfObjects, without the programs for OpenSSL where they are
// not asked for: the kernel looks a while at each.
type objects struct {
	socketPrograms
	tlsPrograms
	bpfMaps
	bpfVariables
}

type socketPrograms struct {
	ConnectionMade *ebpf.Program `ebpf:"connection_made"`
	DataReady      *ebpf.Program `ebpf:"data_ready"`
	Received       *ebpf.Program `ebpf:"received"`
	Sent           *ebpf.Program `ebpf:"sent"`
}

type tlsPrograms struct {
	Read    *ebpf.Program `ebpf:"ssl_read"`
	Decoded *ebpf.Program `ebpf:"ssl_read_done"`
	Write   *ebpf.Program `ebpf:"ssl_write"`
}

func (o *objects) load(spec *ebpf.CollectionSpec, tls bool) error {
	if tls {
		return spec.LoadAndAssign(o, nil)
	}
	var plain struct {
		socketPrograms
		bpfMaps
		bpfVariables
	}
	if err := spec.LoadAndAssign(&plain, nil); err != nil {
		return err
	}
	o.socketPrograms, o.bpfMaps, o.bpfVariables = plain.socketPrograms, plain.bpfMaps, plain.bpfVariables
	return nil
}

func (o *objects) Close() error {
	var errs []error
	for _, p := range []*ebpf.Program{o.ConnectionMade, o.DataReady, o.Received, o.Sent, o.Read, o.Decoded, o.Write} {
		errs = append(errs, p.Close()) // of nil too
	}
	return errors.Join(append(errs, o.bpfMaps.Close())...)
}

const doing = "observe sockets"

// tracepoints are what the tier stands on. Without an arrival there are no waits;
// without the others there is nothing.
var tracepoints = []struct {
	name, since string
	vital       bool
}{
	{"sock_recv_length", "Linux 6.3", true},
	{"sock_send_length", "Linux 6.3", true},
	{"sk_data_ready", "Linux 6.3", false},
	{"inet_sock_set_state", "Linux 4.16", false},
}

// Open loads the programs and attaches them. Nothing is observed before AddServer.
func Open(cfg Config) (*Tier, error) {
	if e := need.Kernel(doing); e != nil {
		return nil, e
	}
	t := &Tier{names: map[uint32]name{}, script: map[uint32]bpfScript{}, tls: map[uint32][]link.Link{}, slots: slotKinds * MaxServers}
	lacks, err := t.lacking(cfg)
	if err != nil {
		return nil, err
	}
	if err := t.load(cfg); err != nil {
		return nil, need.Refused("load the programs for sockets", err)
	}
	if err := t.attach(lacks); err != nil {
		return nil, errors.Join(need.Refused("attach to the tracepoints of sockets", err), t.Close())
	}
	return t, nil
}

func (t *Tier) lacking(cfg Config) (map[string]bool, error) {
	lacks := map[string]bool{}
	for _, name := range cfg.Without {
		lacks[name] = true
	}
	for _, p := range tracepoints {
		e := need.Tracepoint(doing, p.name, p.since)
		if lacks[p.name] {
			e = need.NoTracepoint(doing, p.name, p.since)
		}
		if e == nil {
			continue
		}
		if p.vital {
			return nil, e
		}
		lacks[p.name] = true
		if t.Degraded == nil {
			t.Degraded = e
		}
	}
	return lacks, nil
}

func (t *Tier) load(cfg Config) error {
	spec, err := loadBpf()
	if err != nil {
		return err
	}
	t.phases = 2
	if cfg.Shares {
		t.phases = 7
	}
	slots := uint32(1024)
	if cfg.ByClient || cfg.ByPrefix {
		slots = 4096
	}
	set := map[string]any{
		bpfVarSlowNs: uint64(cfg.Slow), bpfVarHoldNs: uint64(cfg.Hold), bpfVarSampleEvery: cfg.SampleEvery,
		bpfVarSlots: slots, bpfVarPhases: t.phases,
		bpfVarByClient: flag(cfg.ByClient), bpfVarByPrefix: flag(cfg.ByPrefix),
		bpfVarWithText: flag(cfg.Text), bpfVarWithSeq: flag(cfg.Seq), bpfVarWithTls: flag(cfg.TLS),
	}
	for name, value := range set {
		if err := spec.Variables[name].Set(value); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	spec.Maps[bpfMapNames].MaxEntries = slots
	spec.Maps[bpfMapInfos].MaxEntries = slots
	spec.Maps[bpfMapHistograms].MaxEntries = slots * t.phases
	if err := t.objects.load(spec, cfg.TLS); err != nil {
		return err
	}
	t.events, err = ringbuf.NewReader(t.objects.Events)
	return err
}

func flag(on bool) uint8 {
	if on {
		return 1
	}
	return 0
}

// attach begins with the end of a request's way, so that none is seen only in its
// first half.
func (t *Tier) attach(lacks map[string]bool) error {
	for _, p := range []struct {
		tracepoint string
		program    *ebpf.Program
	}{
		{"sock_send_length", t.objects.Sent},
		{"sock_recv_length", t.objects.Received},
		{"sk_data_ready", t.objects.DataReady},
		{"inet_sock_set_state", t.objects.ConnectionMade},
	} {
		if lacks[p.tracepoint] {
			continue
		}
		l, err := link.AttachTracing(link.TracingOptions{Program: p.program})
		if err != nil {
			return fmt.Errorf("%s: %w", p.tracepoint, err)
		}
		t.links = append(t.links, l)
	}
	return nil
}

// Maps returns the maps pids and servers, for the loaders of the other tiers. They
// belong to the Tier.
func (t *Tier) Maps() (pids, servers *ebpf.Map) { return t.objects.Pids, t.objects.Servers }

// Programs returns the programs by name, for who measures what they cost.
func (t *Tier) Programs() map[string]*ebpf.Program {
	return map[string]*ebpf.Program{
		bpfProgReceived: t.objects.Received, bpfProgSent: t.objects.Sent,
		bpfProgDataReady: t.objects.DataReady, bpfProgConnectionMade: t.objects.ConnectionMade,
	}
}

// Links returns the ids of what attaches the programs, by which the kernel tells
// who asks what is attached.
func (t *Tier) Links() ([]link.ID, error) {
	var ids []link.ID
	for _, l := range t.links {
		info, err := l.Info()
		if err != nil {
			return nil, fmt.Errorf("look at a link: %w", err)
		}
		ids = append(ids, info.ID)
	}
	return ids, nil
}

// Detach ends the observation. What was counted can be read on.
func (t *Tier) Detach() error {
	var errs []error
	for _, l := range t.links {
		errs = append(errs, l.Close())
	}
	t.links = nil
	for place := range t.tls {
		errs = append(errs, t.unwatchTLS(place))
	}
	return errors.Join(errs...)
}

// Close detaches the programs and frees the maps.
func (t *Tier) Close() error {
	errs := []error{t.Detach()}
	if t.events != nil {
		errs = append(errs, t.events.Close())
	}
	return errors.Join(append(errs, t.objects.Close())...)
}

// missed counts the runs of programs that the kernel left out.
func (t *Tier) missed() (uint64, error) {
	var n uint64
	for name, p := range t.Programs() {
		s, err := p.Stats()
		if err != nil {
			return 0, fmt.Errorf("read what program %s missed: %w", name, err)
		}
		n += s.RecursionMisses
	}
	return n, nil
}

// histogram reads one histogram into h.
func histogram(m *ebpf.Map, at uint32, h *report.Histogram) error {
	var b bpfHistogram
	if err := m.Lookup(&at, &b); err != nil {
		return fmt.Errorf("read histogram %d: %w", at, err)
	}
	h.AddCounts(b.Buckets[:], b.Sum, b.Max)
	return nil
}
