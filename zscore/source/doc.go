// Package source brings the points that package zscore judges.
//
// An [Input] reads a place where metrics already are and hands [Sample]s to a
// [Sink]; [CSV] reads one series from a file.
package source
