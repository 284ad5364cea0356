// Package deep times each command of a Redis or Valkey server by itself, which the
// server's sockets do not show of a pipeline, a transaction or a script.
//
// It has the kernel stop the server at the beginning and the end of its function
// call(), by uprobes: that is why it costs the server 2 to 3 microseconds a command,
// others nothing, and must be asked for. What it counts is what INFO commandstats
// counts.
//
// The layout of the server's structures is not taken from a table: where in a client
// its arguments are is found out from the first command, whose client and arguments
// the server hands to its slow log.
package deep
