package listen

import "syscall"

// errInUse is Winsock's; syscall.EADDRINUSE is a number that Windows never
// answers.
const errInUse = syscall.Errno(10048) // WSAEADDRINUSE
