// Package rivals compares clew with libraries of the same purpose. It is a
// module of its own, so that none of them enters the module graph of a user.
package rivals
