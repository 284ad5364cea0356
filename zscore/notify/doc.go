// Package notify sends the messages of an alert book: to Slack by an incoming
// webhook or a bot, to any URL as JSON, to an Alertmanager, or to a stream.
//
// A [Receiver] tries once and says what became of it; [Deliver] is the loop that
// paces a receiver, waits as long as it asks to, and tries again. A webhook's URL
// and a bot's token are secrets: they are read from a file or the environment
// each time they are needed, and no error, log line or message contains them.
package notify
