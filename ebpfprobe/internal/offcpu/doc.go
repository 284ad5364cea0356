// Package offcpu tells when the threads of some processes did not run though they
// had something to do: asleep in the kernel, by the system call that they slept in,
// or runnable and waiting for a CPU. A thread that waits for events, or beside the
// event loop for work to be left to it, has nothing to do.
//
// It also tells of each fork, by which a server makes a snapshot of itself, how
// long it kept the thread that called it, and how many pages the process had to copy
// while the child lived, because both shared them and it wrote to them.
//
// The kernel calls the programs at every switch and every waking of every thread of
// the host, and at every page fault.
package offcpu
