package spanleak

import (
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/types/typeutil"

	"github.com/clewhq/clew/propagate/vet/internal/athand"
)

// Adopts is the fact that a function takes the span out of a context it is given
// and ends it or keeps it.
type Adopts struct{}

// AFact marks Adopts as a fact.
func (*Adopts) AFact() {}

func (*Adopts) String() string { return "adopts the context's span" }

func (c *checker) exportAdopts(fn *types.Func, d *ast.FuncDecl) {
	taken := map[types.Object]bool{}
	found := false
	ast.Inspect(d.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if len(n.Lhs) == 1 && len(n.Rhs) == 1 && c.fromContext(n.Rhs[0]) {
				if id, ok := n.Lhs[0].(*ast.Ident); ok {
					taken[c.pass.TypesInfo.ObjectOf(id)] = true
				} else {
					found = true // stored
				}
			}
		case *ast.SelectorExpr: // trace.SpanFromContext(ctx).End
			found = found || n.Sel.Name == "End" && c.fromContext(n.X)
		case *ast.ReturnStmt:
			for _, r := range n.Results {
				found = found || c.fromContext(r)
			}
		}
		return !found
	})
	for v := range taken {
		found = found || v != nil && c.consumes(d.Body, v)
	}
	if found {
		c.pass.ExportObjectFact(fn, new(Adopts))
	}
}

// fromContext reports whether e is a call that takes the span out of a context.
func (c *checker) fromContext(e ast.Expr) bool {
	call, ok := ast.Unparen(e).(*ast.CallExpr)
	if !ok {
		return false
	}
	path, name := athand.Callee(c.pass.TypesInfo, call)
	return path == athand.OTelPath && name == "SpanFromContext"
}

// adopted reports whether n passes the context of a span that was thrown away to
// a function that takes it out again, or to one out of sight: why else would the
// span have been started?
func (o *owner) adopted(n ast.Node) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || found {
			return !found
		}
		for _, arg := range call.Args {
			found = found || o.c.isVar(arg, o.start.ctx) && o.c.mayAdopt(call)
		}
		return !found
	})
	return found
}

func (c *checker) mayAdopt(call *ast.CallExpr) bool {
	if _, starts := c.source(call); starts {
		return false // a child
	}
	fn := typeutil.StaticCallee(c.pass.TypesInfo, call)
	return fn == nil || c.pass.ImportObjectFact(fn.Origin(), new(Adopts))
}
