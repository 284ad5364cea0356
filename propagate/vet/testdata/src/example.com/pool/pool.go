// Package pool is a worker pool in another package than its users.
package pool

type Pool struct{ tasks chan task }

type task struct{ run func() }

func (p *Pool) Submit(f func()) { p.push(f) } // want Submit:`defers \[0\]`

func (p *Pool) push(f func()) { // want push:`defers \[0\]`
	t := task{run: f}
	select {
	case p.tasks <- t:
	default:
	}
}

// Wrapped hands over a closure.
func (p *Pool) Wrapped(name string, f func() error) { // want Wrapped:`defers \[1\]`
	p.tasks <- task{run: func() { _ = f() }}
}

// Inline runs f here and now.
func (p *Pool) Inline(f func()) { f() }
