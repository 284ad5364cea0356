// Package syscalls times every system call of some processes, in the kernel: how
// often each was called, with which errors, and how long it took.
//
// The times are what a clock on the wall shows, from the call to its return, as of
// strace -w -c; a call that has not returned is not counted. Nothing is stopped or
// sent to user space meanwhile, so that they are nearly those without the tracer.
//
// Linux calls the programs for every system call of every process of the host,
// which is why each of them pays a little: [Tracer.Price] measures how much.
package syscalls
