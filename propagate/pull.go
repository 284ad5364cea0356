package propagate

import "iter"

// Pull is [iter.Pull] for a sequence whose body runs, at each step, under the
// context of who called next: by itself the body would keep for ever the one
// it was created under. A body that enters a span of its own keeps that until
// it leaves it.
func Pull[V any](seq iter.Seq[V]) (next func() (V, bool), stop func()) {
	if seq == nil {
		note(NilFunc)
		seq = func(func(V) bool) {}
	}
	p := new(puller)
	pulled, stopped := iter.Pull(func(yield func(V) bool) {
		p.resumed()
		seq(func(v V) bool {
			p.yielding()
			defer p.resumed()
			return yield(v)
		})
	})
	return func() (V, bool) {
			p.caller = Ref{ambientCell()}
			return pulled()
		}, func() {
			p.caller = Ref{ambientCell()}
			stopped()
		}
}

// Pull2 is [Pull] for sequences of pairs.
func Pull2[K, V any](seq iter.Seq2[K, V]) (next func() (K, V, bool), stop func()) {
	if seq == nil {
		note(NilFunc)
		seq = func(func(K, V) bool) {}
	}
	p := new(puller)
	pulled, stopped := iter.Pull2(func(yield func(K, V) bool) {
		p.resumed()
		seq(func(k K, v V) bool {
			p.yielding()
			defer p.resumed()
			return yield(k, v)
		})
	})
	return func() (K, V, bool) {
			p.caller = Ref{ambientCell()}
			return pulled()
		}, func() {
			p.caller = Ref{ambientCell()}
			stopped()
		}
}

// puller moves the context of a coroutine's callers into it. Caller and body
// take turns, so it needs no lock.
type puller struct {
	caller Ref  // who called next or stop last
	lent   Ref  // what the body was given at its last step
	own    bool // the body yielded under a span of its own
}

// yielding notes, on the body's goroutine, whether it is in a span of its own.
func (p *puller) yielding() { p.own = ambientCell() != p.lent.c }

// resumed gives the body the caller's context, on the body's goroutine.
func (p *puller) resumed() {
	if !p.own {
		p.caller.Enter() // for good: the next step replaces it
		p.lent = p.caller
	}
}
