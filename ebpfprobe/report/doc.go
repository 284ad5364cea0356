// Package report is what a probe of a Redis server found out: the values
// themselves, and how they are written as text, JSON and a page of HTML.
//
// Nothing here touches a kernel. A [Report] is made by package ebpfprobe, or
// read back from a recording, and is a plain value: whoever holds it may read it
// from several goroutines, and change it from one.
//
// # Time
//
// Every duration is in nanoseconds, in a member whose name ends in NS, or in a
// [Histogram]. Wait is the time from the arrival of a request in the server's
// socket to the moment when the event loop reads it; service is from that
// reading to the reply's write. Requests that arrive together and are read
// together, a pipeline, share both: the batch waited and was served as one.
package report
