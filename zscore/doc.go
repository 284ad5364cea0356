// Package zscore finds the points of a time series that do not belong: spikes,
// drops, shifts of level, and points at a time of day at which they are unusual.
//
// A [Detector] sees one series, one point at a time, in the order of time. It
// judges each point by what it learnt from those before it and only then learns
// it: nothing looks ahead, so that a backtest sees what production would have
// seen. All of them are units-free: a series in bytes and the same series in
// kilobytes, or turned upside down, raise the same alarms.
//
// [NewRolling], [NewEWMA] and [NewMAD] are the plain methods, each a z-score
// against one baseline. [NewEnsemble] is the one to use for a series about which
// nothing is known: several baselines at once, each calibrated against its own
// past, the time of day among them.
//
// The package computes and does nothing else: it reads no clock, no file and no
// network. A Detector belongs to one goroutine.
package zscore
