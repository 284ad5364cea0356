// Package pprofdo defines an analyzer that finds profiler labels set from
// context.Background, which wipe out the labels a trace has set.
package pprofdo

import (
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"
	"golang.org/x/tools/go/ast/inspector"

	"github.com/clewhq/clew/propagate/vet/internal/athand"
	"github.com/clewhq/clew/propagate/vet/internal/mend"
	"github.com/clewhq/clew/propagate/vet/internal/work"
)

const doc = `find pprof.Do and pprof.SetGoroutineLabels on context.Background()

A goroutine's profiler labels are replaced by those in the context given. With
context.Background() the labels of the request, its trace id among them, are gone
for the function and after it:

	pprof.Do(context.Background(), labels, f)

The fix passes the context at hand, detached from its cancellation where f makes
use of the context it gets.`

// Analyzer reports profiler labels that are set from context.Background or TODO
// while a context is at hand.
var Analyzer = &analysis.Analyzer{
	Name:     "pprofdo",
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
		if path != "runtime/pprof" || len(call.Args) == 0 || !athand.IsRoot(pass.TypesInfo, call.Args[0]) {
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
		arg := ast.Unparen(call.Args[0]).(*ast.CallExpr)
		d := analysis.Diagnostic{
			Pos: arg.Pos(), End: arg.End(),
			Message: "pprof." + name + " on " + types.ExprString(arg) + " wipes out the labels of " + ctx.Expr,
		}
		switch {
		case !ctx.Stable:
		case labelsOnly(pass, cur, call, name):
			d.SuggestedFixes = mend.Replace(arg, "Keep the labels of "+ctx.Expr, ctx.Expr)
		default:
			d.SuggestedFixes = r.Detach(file, arg, ctx)
		}
		r.Report(cur, d)
	}
	return nil, nil
}

// labelsOnly reports whether nothing but the labels of the context is used, so
// that its cancellation reaches nobody.
func labelsOnly(pass *analysis.Pass, cur inspector.Cursor, call *ast.CallExpr, name string) bool {
	switch name {
	case "SetGoroutineLabels":
		return true
	case "WithLabels":
		outer, ok := cur.Parent().Node().(*ast.CallExpr)
		if !ok {
			return false
		}
		path, name := athand.Callee(pass.TypesInfo, outer)
		return path == "runtime/pprof" && name == "SetGoroutineLabels"
	}
	lit, ok := ast.Unparen(call.Args[len(call.Args)-1]).(*ast.FuncLit)
	if !ok {
		return false
	}
	for _, field := range lit.Type.Params.List {
		for _, param := range field.Names {
			if uses(pass.TypesInfo, lit.Body, pass.TypesInfo.Defs[param]) {
				return false
			}
		}
	}
	return true
}

func uses(info *types.Info, body ast.Node, obj types.Object) bool {
	found := false
	ast.Inspect(body, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && obj != nil && info.Uses[id] == obj {
			found = true
		}
		return !found
	})
	return found
}
