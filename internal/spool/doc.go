// Package spool keeps records on disk until somebody has taken them further: a
// [Writer] in the program that makes them, a [Reader] in the one that ships them.
//
// A directory holds numbered segments. Every record has a checksum and a number
// of its own, also one that could not be kept, so that whoever reads knows how
// many are missing, whatever the cause: a full disk, a crash, a damaged file.
// docs/design/0003-spool.md describes the format and why it is so.
package spool
