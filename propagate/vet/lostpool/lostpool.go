// Package lostpool defines an analyzer that finds functions handed to a worker
// pool without the context of the code that hands them over.
package lostpool

import (
	"go/ast"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"
	"golang.org/x/tools/go/ast/inspector"

	"github.com/clewhq/clew/propagate/vet/internal/athand"
	"github.com/clewhq/clew/propagate/vet/internal/mend"
	"github.com/clewhq/clew/propagate/vet/internal/work"
)

const doc = `find functions submitted to a pool without the context at hand

The workers of a pool were started before the request and have no context of it.
A function given to them brings its context along or loses it:

	pool.Submit(func() { render(context.Background(), page) })

The fix runs it under the context current where it is submitted:

	pool.Submit(propagate.Bind(func() { render(context.Background(), page) }))

Which functions queue what they are given is read off their bodies, across
packages: the parameter is sent on a channel or passed to a function that does so.
Where there is no body (an interface) the names decide: Submit, Go, Schedule,
Enqueue and the like on a Pool, Executor, Worker, Scheduler or Queue.`

// Analyzer reports functions that are submitted to a pool without the context at hand.
var Analyzer = &analysis.Analyzer{
	Name:     "lostpool",
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
		for k := range info.Handed(call) {
			file := r.File(call.Pos())
			if file == nil || carriesAlong(pass, call) {
				break
			}
			ctx, ok := info.At(file, call.Pos())
			if !ok {
				break
			}
			if what, lost := info.Lost(call.Args[k]); lost {
				r.Report(cur, analysis.Diagnostic{
					Pos: call.Args[k].Pos(), End: call.Args[k].End(),
					Message:        "function is handed to a worker without " + ctx.Expr + ": " + what,
					SuggestedFixes: r.Bind(file, call.Args[k]),
				})
			}
		}
	}
	return nil, nil
}

// carriesAlong reports whether another argument of call brings a context.
func carriesAlong(pass *analysis.Pass, call *ast.CallExpr) bool {
	for _, arg := range call.Args {
		if t := pass.TypesInfo.TypeOf(arg); t != nil && athand.Carries(t) {
			return true
		}
	}
	return false
}
