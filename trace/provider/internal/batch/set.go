package batch

import (
	"sync"
	"sync/atomic"

	"github.com/clewhq/clew/trace/provider/internal/otlp"
)

// Config says how much is kept.
type Config struct {
	Resource otlp.Enclosure
	Shards   int   // at least 1
	Bytes    int64 // that all batches may occupy
	Spans    int   // of a request, and so of a batch
	Queue    int   // spans that may wait to be sent; 0: as many as Bytes allow
	Wait     bool  // for room, instead of dropping
}

// Set is a set of shards and the queue behind them. It is safe for concurrent use, but there must be
// one sender only: who calls Next and Recycle.
type Set struct {
	cfg     Config
	most    int // bytes of a batch, if its spans are not larger
	shards  []Shard
	used    atomic.Int64 // of cfg.Bytes
	waiting atomic.Int64 // spans not taken yet; only kept if cfg.Queue > 0
	starved atomic.Bool  // a span found no room since the sender has asked
	ready   chan struct{}

	mu     sync.Mutex
	queue  []*Batch
	sealed uint64 // batches that have ever been in the queue
	taken  uint64 // batches that have ever left it
	free   []*Batch
	room   *sync.Cond
	freed  uint64 // how often memory, or a place in the queue, has become free
	closed bool
}

// Shard is where spans go first. See [Set.Shard].
type Shard struct {
	mu     sync.Mutex
	cur    *Batch
	closed bool
	Counts
	_ [64]byte // the next one's lock is in another cache line
}

// Counts is what has become of spans.
type Counts struct {
	Ended   uint64 // before the set was closed
	Dropped uint64 // of these, for want of room
	Late    uint64 // ended when the set was closed already
}

// maxBatch bounds a batch's bytes, and so what a request takes to send; common receivers allow 4 MiB.
const maxBatch = 1 << 20

// New returns an empty set.
func New(cfg Config) *Set {
	s := &Set{cfg: cfg, shards: make([]Shard, cfg.Shards), ready: make(chan struct{}, 1)}
	// Each shard may hold a batch and have one in the queue, and there is one being sent.
	s.most = int(max(firstData, min(maxBatch, cfg.Bytes/int64(2*cfg.Shards+1))))
	s.room = sync.NewCond(&s.mu)
	return s
}

// Shard returns the i-th shard, counted on from the first after the last. Its spans get along best if
// they come from one processor.
func (s *Set) Shard(i uint32) *Shard { return &s.shards[i%uint32(len(s.shards))] }

// Ready is sent to when there is something in the queue.
func (s *Set) Ready() <-chan struct{} { return s.ready }

// Add copies an encoded span into sh, or into a shard that nobody is at, and returns which. It waits
// only if the set was configured so.
func (s *Set) Add(sh *Shard, scope *otlp.Enclosure, span []byte) *Shard {
	sh = s.lock(sh)
	if sh.closed {
		sh.Late++
		sh.mu.Unlock()
		return sh
	}
	sh.Ended++
	if s.put(sh, scope, span) {
		sh.mu.Unlock()
		return sh
	}
	if !s.cfg.Wait {
		sh.Dropped++
		sh.mu.Unlock()
		return sh
	}
	sh.mu.Unlock()
	s.wait(sh, scope, span)
	return sh
}

func (s *Set) lock(sh *Shard) *Shard {
	if sh.mu.TryLock() {
		return sh
	}
	for i := range s.shards {
		if s.shards[i].mu.TryLock() {
			return &s.shards[i]
		}
	}
	sh.mu.Lock()
	return sh
}

// wait puts the span as soon as there is room. When the set is closed before, it is dropped.
func (s *Set) wait(sh *Shard, scope *otlp.Enclosure, span []byte) {
	for {
		s.mu.Lock()
		freed := s.freed
		s.mu.Unlock()
		sh.mu.Lock()
		done := s.put(sh, scope, span)
		if !done && (sh.closed || cost(max(size(len(span)), firstData), firstRuns) > s.cfg.Bytes) {
			sh.Dropped++
			done = true
		}
		sh.mu.Unlock()
		if done {
			return
		}
		s.mu.Lock()
		for s.freed == freed && !s.closed {
			s.room.Wait()
		}
		s.mu.Unlock()
	}
}

// put appends to sh's batch, which it makes or grows as needed. The caller holds sh's lock.
func (s *Set) put(sh *Shard, scope *otlp.Enclosure, span []byte) bool {
	if sh.closed {
		return false
	}
	if s.cfg.Queue > 0 && s.waiting.Add(1) > int64(s.cfg.Queue) {
		s.waiting.Add(-1)
		s.starve()
		return false
	}
	n := size(len(span))
	if sh.cur != nil && !sh.cur.fits(scope, n) && !s.enlarge(sh.cur, scope, n) {
		s.seal(sh)
	}
	if sh.cur == nil {
		if sh.cur = s.fresh(scope, n); sh.cur == nil {
			if s.cfg.Queue > 0 {
				s.waiting.Add(-1)
			}
			s.starve()
			return false
		}
	}
	sh.cur.append(scope, span)
	if sh.cur.spans >= s.cfg.Spans || len(sh.cur.data) >= s.most {
		s.seal(sh)
	}
	return true
}

// enlarge makes a span that takes n bytes fit into b, if a batch may be as large and there is memory.
func (s *Set) enlarge(b *Batch, scope *otlp.Enclosure, n int) bool {
	if b.spans > 0 && len(b.data)+n > s.most {
		return false
	}
	data, runs := b.grown(scope, n, s.most)
	more := cost(data, runs) - b.reserved
	if !s.reserve(more) {
		return false
	}
	b.grow(data, runs)
	return true
}

// fresh returns an empty batch into which a span that takes n bytes fits, or nil.
func (s *Set) fresh(scope *otlp.Enclosure, n int) *Batch {
	b := s.reuse()
	switch {
	case b == nil:
		b = &Batch{}
		if s.enlarge(b, scope, n) {
			return b
		}
	case b.fits(scope, n) || s.enlarge(b, scope, n):
		return b
	default: // what is kept is too small for this span, and in its way
		s.release(b.reserved)
		s.Trim()
		b = &Batch{}
		if s.enlarge(b, scope, n) {
			return b
		}
	}
	return nil
}

func (s *Set) reuse() *Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.free) - 1
	if last < 0 {
		return nil
	}
	b := s.free[last]
	s.free = s.free[:last]
	return b
}

func (s *Set) reserve(n int64) bool {
	if s.used.Add(n) <= s.cfg.Bytes {
		return true
	}
	s.used.Add(-n)
	return false
}

func (s *Set) release(n int64) {
	s.used.Add(-n)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.freed++
	s.room.Broadcast()
}

// seal moves sh's batch to the queue. The caller holds sh's lock.
func (s *Set) seal(sh *Shard) {
	b := sh.cur
	if b == nil || b.spans == 0 {
		return
	}
	sh.cur = nil
	s.mu.Lock()
	s.queue = append(s.queue, b)
	s.sealed++
	s.mu.Unlock()
	s.signal()
}

// starve asks the sender for all there is, since what is in the shards keeps others out.
func (s *Set) starve() {
	s.starved.Store(true)
	s.signal()
}

func (s *Set) signal() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}
