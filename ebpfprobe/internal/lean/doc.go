// Package lean is the probe's default tier: programs at three tracepoints of
// sockets that follow each request from its arrival to its reply, count by name in
// the kernel, and hand over only what was slow.
package lean
