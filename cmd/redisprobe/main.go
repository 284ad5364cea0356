// Command redisprobe tells where the time of every Redis command goes: waiting
// for the event loop, being served, and who held the loop meanwhile.
//
// Run redisprobe --help for its verbs; docs/cli/redisprobe.md has the same pages.
package main

import "github.com/clewhq/clew/internal/cli"

func main() { cli.Exec(program(kernel{})) }
