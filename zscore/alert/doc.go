// Package alert decides what becomes of an alert that a detector has raised: whom
// it is told to, together with which others, whether a silence, a weekly window
// or another alert keeps it quiet, and when it is told again.
//
// A [Book] holds the incidents, the silences and the outbox, which is what is
// still to be said. Whatever changes an incident and the message about it change
// in one transaction of its [Store], so that a process that is killed between the
// two cannot have lost either. Senders take from the book what is due
// ([Book.Claim]) and tell it what became of that ([Book.Settle]).
//
// The package reads no clock and opens no connection: times are arguments.
package alert
