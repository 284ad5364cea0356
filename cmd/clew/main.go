// Command clew follows requests through Go programs.
//
// Run clew --help for its verbs; docs/cli/clew.md has the same pages.
package main

import "github.com/clewhq/clew/internal/cli"

func main() { cli.Exec(run) }
