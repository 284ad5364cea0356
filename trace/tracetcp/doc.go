// Package tracetcp puts a span around each telegram of a protocol that sends telegrams with their length
// before them over TCP, as card networks and banks do, and carries the trace from the one side to the
// other in a small preamble.
//
// The preamble stands before the length of a request; answers have none. Its form is in docs/preamble.md.
// A server that does not know it would take it for a telegram, so a client sends none until it is told
// that the server does: by [Conn.EnablePreamble], after an agreement that the protocol's own logon has
// brought about (see [Token]) or that is a matter of configuration. Without it there are spans all the
// same, of each side its own. A server of this package understands both at any time.
package tracetcp
