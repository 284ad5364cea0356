// Package vet has the analyzers of propagatevet: they find code that loses the
// context of a request although it has one at hand, and spans that are not ended.
// Each is a [golang.org/x/tools/go/analysis.Analyzer] in a package of its own, to
// be put into any driver; [Analyzers] is all of them.
//
// A detachment that is meant is recognised: context.WithoutCancel,
// propagate.Detach, propagate.Background, and the comment
//
//	//propagate:detached reason
//
// on the line of the finding or of a statement around it, on the line above, or
// in the doc comment of the function. The reason is required. A nolint comment
// for contextcheck is understood too. Tests and generated files are not reported.
package vet

import (
	"golang.org/x/tools/go/analysis"

	"github.com/clewhq/clew/propagate/vet/lostafter"
	"github.com/clewhq/clew/propagate/vet/lostchan"
	"github.com/clewhq/clew/propagate/vet/lostgo"
	"github.com/clewhq/clew/propagate/vet/lostpool"
	"github.com/clewhq/clew/propagate/vet/pprofdo"
	"github.com/clewhq/clew/propagate/vet/spanleak"
)

// Analyzers are all analyzers, in the order of their names. The slice is the
// caller's.
func Analyzers() []*analysis.Analyzer {
	return []*analysis.Analyzer{
		lostafter.Analyzer,
		lostchan.Analyzer,
		lostgo.Analyzer,
		lostpool.Analyzer,
		pprofdo.Analyzer,
		spanleak.Analyzer,
	}
}
