// Package daemon watches series without end: it runs the inputs of a
// configuration, has the detectors judge what they bring, books what the rules
// alert on, and delivers the messages. It serves a page with what it sees, and an
// API by which an operator silences, absorbs and looks into the outbox.
//
// All series are judged by one goroutine at a time: a point costs less than a
// microsecond, so a hundred thousand series every fifteen seconds leave a core
// idle, and no state needs a lock of its own.
package daemon
