// Package lostafter defines an analyzer that finds timers and after-functions
// which run without the context of the code that set them.
package lostafter

import (
	"go/ast"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"
	"golang.org/x/tools/go/ast/inspector"

	"github.com/clewhq/clew/propagate/vet/internal/athand"
	"github.com/clewhq/clew/propagate/vet/internal/mend"
	"github.com/clewhq/clew/propagate/vet/internal/work"
)

const doc = `find time.AfterFunc and context.AfterFunc that drop the context at hand

The runtime starts the function of a time.AfterFunc on a goroutine of its own, and
whoever cancels the context starts that of a context.AfterFunc: neither has the
context of the code that set it.

	time.AfterFunc(d, func() { expire(context.Background(), key) })

The fix runs it under the context current where it is set:

	time.AfterFunc(d, propagate.Bind(func() { expire(context.Background(), key) }))

A function that does nothing a trace would show (cancel, close, a counter) is no
finding, nor is one that uses a context of its surroundings.`

// Analyzer reports after-functions that drop the context at hand.
var Analyzer = &analysis.Analyzer{
	Name:     "lostafter",
	Doc:      doc,
	URL:      mend.URL,
	Requires: []*analysis.Analyzer{inspect.Analyzer, work.Analyzer},
	Run:      run,
}

func run(pass *analysis.Pass) (any, error) {
	r := mend.NewReporter(pass)
	info := pass.ResultOf[work.Analyzer].(*work.Info)
	root := pass.ResultOf[inspect.Analyzer].(*inspector.Inspector).Root()
	for cur := range root.Preorder((*ast.CallExpr)(nil)) {
		call := cur.Node().(*ast.CallExpr)
		path, name := athand.Callee(pass.TypesInfo, call)
		if name != "AfterFunc" || path != "time" && path != "context" || len(call.Args) != 2 {
			continue
		}
		file := r.File(call.Pos())
		if file == nil {
			continue
		}
		ctx, ok := info.At(file, call.Pos())
		if !ok {
			continue
		}
		if what, lost := info.Lost(call.Args[1]); lost {
			r.Report(cur, analysis.Diagnostic{
				Pos: call.Pos(), End: call.End(),
				Message:        path + ".AfterFunc runs its function without " + ctx.Expr + ": " + what,
				SuggestedFixes: r.Bind(file, call.Args[1]),
			})
		}
	}
	return nil, nil
}
