// Package store keeps the spans of recent traces for somebody who looks at
// them now: in memory, bounded by a number of spans and by bytes, oldest trace
// out first and whole.
//
// A [Memory] is filled by an OTLP receiver (it is an otlprecv.Sink) and read
// by whoever shows traces. Values are sanitised once, when they come in: valid
// UTF-8, bounded lengths and counts, with a mark where something was cut.
package store
