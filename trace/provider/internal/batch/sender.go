package batch

// Seal moves all spans that are in the shards to the queue. It returns a mark for [Set.Next].
func (s *Set) Seal() (mark uint64) {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		s.seal(sh)
		sh.mu.Unlock()
	}
	return s.Mark()
}

// Mark is for [Set.Next]: up to it is what is in the queue now.
func (s *Set) Mark() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sealed
}

// Close is Seal for the last time: spans that end later are only counted, and nobody waits for room
// any longer.
func (s *Set) Close() {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		s.seal(sh)
		sh.closed = true
		sh.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.room.Broadcast()
}

// Starved reports whether a span has found no room since Starved was called last. What is in the
// shards must be sealed then, full or not.
func (s *Set) Starved() bool { return s.starved.Swap(false) }

// Next takes the next request from the queue, if there is one before mark. Batches are put together as
// long as a request may hold their spans.
func (s *Set) Next(mark uint64) *Request {
	s.mu.Lock()
	var of []*Batch
	spans, bytes := 0, 0
	for len(s.queue) > 0 && s.taken < mark {
		b := s.queue[0]
		if len(of) > 0 && (spans+b.spans > s.cfg.Spans || bytes+len(b.data) > maxBatch) {
			break
		}
		s.queue[0] = nil
		s.queue = s.queue[1:]
		s.taken++
		of = append(of, b)
		spans, bytes = spans+b.spans, bytes+len(b.data)
	}
	s.mu.Unlock()
	if len(of) == 0 {
		return nil
	}
	if s.cfg.Queue > 0 {
		s.waiting.Add(-int64(spans))
		s.release(0)
	}
	return request(s.cfg.Resource, of)
}

// Recycle takes back the memory of r, whose pieces nobody may read any more.
func (s *Set) Recycle(r *Request) {
	for _, b := range r.of {
		b.empty()
		s.mu.Lock()
		keep := cap(b.data) <= s.most && !s.closed
		if keep {
			s.free = append(s.free, b)
			s.freed++
			s.room.Broadcast()
		}
		s.mu.Unlock()
		if !keep {
			s.release(b.reserved)
		}
	}
}

// Trim gives the memory back that is kept for later use.
func (s *Set) Trim() {
	s.mu.Lock()
	free := s.free
	s.free = nil
	s.mu.Unlock()
	for _, b := range free {
		s.release(b.reserved)
	}
}

// Counts adds up what all shards have counted.
func (s *Set) Counts() (sum Counts) {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		sum.Ended += sh.Ended
		sum.Dropped += sh.Dropped
		sum.Late += sh.Late
		sh.mu.Unlock()
	}
	return sum
}

// Used is how many bytes are occupied.
func (s *Set) Used() int64 { return s.used.Load() }
