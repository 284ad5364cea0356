package store

import (
	"container/list"
	"context"
	"crypto/sha256"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/internal/otlprecv"
)

// The bounds of a [Memory] that were not given.
const (
	DefaultMaxSpans = 200_000
	DefaultMaxBytes = 256 << 20
)

// Memory keeps spans in memory. Its methods may be called from any goroutine.
type Memory struct {
	maxSpans int
	maxBytes int64
	now      func() time.Time

	mu        sync.RWMutex
	traces    map[oteltrace.TraceID]*entry
	touched   list.List // of *entry; least lately added to in front: the next to go
	byTime    timeIndex
	resources map[[sha256.Size]byte]*sharedResource
	seq       uint64
	stats     Stats
}

// entry is a trace in the store.
type entry struct {
	id       oteltrace.TraceID
	seq      uint64 // breaks ties in the order of time
	seen     int64  // when its first span came, Unix nanoseconds
	key      int64  // its place in the order of time
	spans    []Span
	index    map[spanKey]struct{}
	owners   []*sharedResource // of each span
	bytes    int64
	dup      int
	dropped  int
	version  uint64
	position *list.Element
	summed   atomic.Pointer[Summary] // of the version it names
}

// spanKey is what makes two spans the same. The kind is part of it because
// senders in the manner of Zipkin give a call's client and server one id.
type spanKey struct {
	id   oteltrace.SpanID
	kind oteltrace.SpanKind
}

// sharedResource is a resource and how many spans have it.
type sharedResource struct {
	*Resource
	key   [sha256.Size]byte
	users int
	bytes int64
}

// Stats counts what a [Memory] holds and what it has let go.
type Stats struct {
	Traces, Spans int
	Bytes         int64  // approximately, of the spans held
	EvictedTraces uint64 // traces that went to make room
	EvictedSpans  uint64 // the spans they had
	Duplicates    uint64 // spans that came again
	Dropped       uint64 // spans of a trace that alone fills the store
	// Version changes whenever the content does.
	Version uint64
}

// Option changes how a [Memory] works.
type Option interface{ apply(*Memory) }

type optionFunc func(*Memory)

func (f optionFunc) apply(m *Memory) { f(m) }

// WithMaxBytes bounds the memory of the spans held, approximately, instead of
// [DefaultMaxBytes].
func WithMaxBytes(n int64) Option {
	return optionFunc(func(m *Memory) {
		if n > 0 {
			m.maxBytes = n
		}
	})
}

// WithClock makes now the clock that says when spans came.
func WithClock(now func() time.Time) Option {
	return optionFunc(func(m *Memory) { m.now = now })
}

// NewMemory makes a store for up to maxSpans spans, [DefaultMaxSpans] when
// that is not positive.
func NewMemory(maxSpans int, opts ...Option) *Memory {
	if maxSpans <= 0 {
		maxSpans = DefaultMaxSpans
	}
	m := &Memory{
		maxSpans: maxSpans, maxBytes: DefaultMaxBytes, now: time.Now,
		traces:    map[oteltrace.TraceID]*entry{},
		resources: map[[sha256.Size]byte]*sharedResource{},
	}
	for _, o := range opts {
		o.apply(m)
	}
	return m
}

var _ otlprecv.Sink = (*Memory)(nil)

// Spans files what one request carried. It never waits for room: the traces
// that have had no span for longest go. Only spans of a trace that fills the
// store by itself are rejected, with an [otlprecv.RejectedError].
func (m *Memory) Spans(_ context.Context, rs []*tracepb.ResourceSpans) error {
	var dropped int64
	for _, r := range rs {
		res := &sharedResource{Resource: convertResource(r.GetResource().GetAttributes())}
		res.key = resourceKey(r)
		res.bytes = resourceBytes(res.Resource)
		for _, ss := range r.GetScopeSpans() {
			scope := Scope{Name: text(ss.GetScope().GetName(), maxName), Version: text(ss.GetScope().GetVersion(), maxName)}
			converted := make([]Span, 0, len(ss.GetSpans()))
			for _, s := range ss.GetSpans() {
				converted = append(converted, convertSpan(s, res.Resource, scope))
			}
			dropped += m.add(res, converted)
		}
	}
	if dropped > 0 {
		return &otlprecv.RejectedError{Spans: dropped, Reason: "a single trace fills the store"}
	}
	return nil
}

func resourceKey(r *tracepb.ResourceSpans) [sha256.Size]byte {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(r.GetResource())
	if err != nil { // invalid UTF-8 in a message built by hand: share with its like only
		b = []byte(r.GetResource().String())
	}
	return sha256.Sum256(b)
}

// add files spans of one resource and answers how many there was no room for.
func (m *Memory) add(res *sharedResource, spans []Span) (dropped int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range spans {
		if !m.addOne(res, &spans[i]) {
			dropped++
		}
	}
	return dropped
}

func (m *Memory) addOne(res *sharedResource, s *Span) bool {
	m.stats.Version++
	t := m.entryOf(s)
	t.version = m.stats.Version
	k := spanKey{s.SpanID, s.Kind}
	if _, twice := t.index[k]; twice {
		t.dup++
		m.stats.Duplicates++
		return true
	}
	size := spanBytes(s)
	if !m.makeRoom(t, size+res.bytes) {
		m.stats.Dropped++
		if t.dropped++; len(t.spans) == 0 {
			m.remove(t)
		}
		return false
	}
	if known := m.resources[res.key]; known != nil {
		res = known
	} else {
		m.resources[res.key] = res
		m.stats.Bytes += res.bytes
	}
	res.users++
	s.Resource, s.Service = res.Resource, res.Service
	t.spans = append(t.spans, *s)
	t.index[k] = struct{}{}
	t.owners = append(t.owners, res)
	t.bytes += size
	m.stats.Spans++
	m.stats.Bytes += size
	if key := timeKey(s.Start, t.seen); key < t.key {
		m.byTime.remove(t)
		t.key = key
		m.byTime.insert(t)
	}
	return true
}

// entryOf answers the trace of s, made where there is none yet.
func (m *Memory) entryOf(s *Span) *entry {
	if t := m.traces[s.TraceID]; t != nil {
		m.touched.MoveToBack(t.position)
		return t
	}
	m.seq++
	t := &entry{id: s.TraceID, seq: m.seq, seen: m.now().UnixNano(), index: map[spanKey]struct{}{}}
	t.key = timeKey(s.Start, t.seen)
	t.position = m.touched.PushBack(t)
	m.traces[s.TraceID] = t
	m.byTime.insert(t)
	m.stats.Traces++
	return t
}

// makeRoom lets the oldest traces go until size more bytes and one more span
// fit. The trace t stays; when it alone is in the way there is no room, and no
// other has to go for nothing.
func (m *Memory) makeRoom(t *entry, size int64) bool {
	if len(t.spans)+1 > m.maxSpans || t.bytes+size > m.maxBytes {
		return false
	}
	for m.stats.Spans+1 > m.maxSpans || m.stats.Bytes+size > m.maxBytes {
		oldest := m.touched.Front().Value.(*entry)
		if oldest == t {
			return false
		}
		m.remove(oldest)
		m.stats.EvictedTraces++
		m.stats.EvictedSpans += uint64(len(oldest.spans))
	}
	return true
}

func (m *Memory) remove(t *entry) {
	m.touched.Remove(t.position)
	m.byTime.remove(t)
	delete(m.traces, t.id)
	for _, res := range t.owners {
		if res.users--; res.users == 0 {
			delete(m.resources, res.key)
			m.stats.Bytes -= res.bytes
		}
	}
	m.stats.Traces--
	m.stats.Spans -= len(t.spans)
	m.stats.Bytes -= t.bytes
}

// Stats answers the counts of now.
func (m *Memory) Stats() Stats {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.stats
}

// Trace answers the trace of that id with the spans that have come so far.
func (m *Memory) Trace(id oteltrace.TraceID) (Trace, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	t := m.traces[id]
	if t == nil {
		return Trace{}, false
	}
	return Trace{Summary: t.summary(), Spans: append([]Span(nil), t.spans...)}, true
}

// Newest answers the n traces that started last, the newest first.
func (m *Memory) Newest(n int) []Summary {
	m.mu.RLock()
	defer m.mu.RUnlock()
	n = max(0, min(n, len(m.byTime)))
	out := make([]Summary, 0, n)
	for i := range n {
		out = append(out, m.byTime[len(m.byTime)-1-i].summary())
	}
	return out
}

// All iterates over the traces, the newest first. What comes or goes
// meanwhile may or may not be seen.
func (m *Memory) All() iter.Seq[Trace] {
	return func(yield func(Trace) bool) {
		m.mu.RLock()
		ids := make([]oteltrace.TraceID, 0, len(m.byTime))
		for i := range m.byTime {
			ids = append(ids, m.byTime[len(m.byTime)-1-i].id)
		}
		m.mu.RUnlock()
		for _, id := range ids {
			if t, ok := m.Trace(id); ok && !yield(t) {
				return
			}
		}
	}
}
