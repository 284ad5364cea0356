// Package demo is clew's demo: it starts the shop of package shop as real processes on loopback, sends it
// payments, receives what its services report by OTLP, and judges every payment's trace: first with clew,
// then without.
//
// [Run] is the whole of it. The judge ([Judge]) is a function of values, and so is each renderer of a
// [Report]. What the demo proves stands in a list of checks; a feature that has something to show there
// adds one.
package demo
