package main

// Pool runs functions on a goroutine that was there before them.
type Pool struct{ tasks chan func() }

// Submit queues f.
func (p *Pool) Submit(f func()) { p.tasks <- f }

func (p *Pool) work() {
	for f := range p.tasks {
		f()
	}
}
