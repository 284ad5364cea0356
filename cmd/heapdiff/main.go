// Command heapdiff tells what grew in a heap, who holds it, and whether it looks
// like a leak.
//
// Run heapdiff --help for its verbs; docs/cli/heapdiff.md has the same pages.
package main

import "github.com/clewhq/clew/internal/cli"

func main() { cli.Exec(run) }
