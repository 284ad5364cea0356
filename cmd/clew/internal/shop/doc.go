// Package shop is the shop of clew's demo: a gateway, an order desk, a payment service and a ledger,
// each a process of its own, talking HTTP and Redis on loopback. It is written as a team would write it
// with clew: nothing in it knows that it is being watched.
//
// A payment leaves the goroutine it came in on in every way that loses a trace: a go statement, an
// errgroup, a worker pool that is older than the request, a channel, a timer, and a continuation that
// another process resumes. [Hops] lists them; [Propagation] is the one switch that turns clew's part off,
// so that the same shop shows what a team has without it.
package shop
