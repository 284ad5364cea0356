// Command propagatevet finds Go code that loses the context of a request, and
// spans that are not ended, and can mend most of what it finds.
//
// Run it by itself, propagatevet ./..., or by go vet -vettool. docs/propagatevet.md
// tells what it finds and how often it is wrong.
package main

import (
	"os"

	"golang.org/x/tools/go/analysis/multichecker"

	"github.com/clewhq/clew/internal/cli"
	"github.com/clewhq/clew/propagate/vet"
)

func main() {
	if ours(os.Args[1:]) {
		cli.Exec(run)
	}
	multichecker.Main(vet.Analyzers()...)
}
