package spanleak

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/types/typeutil"

	"github.com/clewhq/clew/propagate/vet/internal/athand"
)

// Source is the fact that a function returns a span it has started.
type Source struct {
	Result int // which result the span is
}

// AFact marks Source as a fact.
func (*Source) AFact() {}

func (s *Source) String() string { return fmt.Sprint("starts span ", s.Result) }

// Borrows is the fact that a function only writes to a span it is given: it
// neither ends it nor keeps it.
type Borrows struct {
	Params []int
}

// AFact marks Borrows as a fact.
func (*Borrows) AFact() {}

func (b *Borrows) String() string { return fmt.Sprint("borrows ", b.Params) }

// maxDepth bounds the chain of helpers followed within one package.
const maxDepth = 3

func (c *checker) exportFacts() {
	for range maxDepth {
		for _, f := range c.pass.Files {
			for _, d := range f.Decls {
				d, ok := d.(*ast.FuncDecl)
				if !ok || d.Body == nil {
					continue
				}
				if fn, ok := c.pass.TypesInfo.Defs[d.Name].(*types.Func); ok {
					c.exportSource(fn, d)
					c.exportBorrows(fn, d)
					c.exportAdopts(fn, d)
				}
			}
		}
	}
}

func (c *checker) exportBorrows(fn *types.Func, d *ast.FuncDecl) {
	var params []int
	for k := range fn.Signature().Params().Len() {
		if p := fn.Signature().Params().At(k); athand.IsSpan(p.Type()) && !c.consumes(d.Body, p) {
			params = append(params, k)
		}
	}
	if params != nil {
		c.pass.ExportObjectFact(fn, &Borrows{Params: params})
	}
}

func (c *checker) exportSource(fn *types.Func, d *ast.FuncDecl) {
	results := fn.Signature().Results()
	for k := range results.Len() {
		if !athand.IsSpan(results.At(k).Type()) {
			continue
		}
		started := c.startedIn(d.Body)
		ast.Inspect(d.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncLit:
				return false
			case *ast.ReturnStmt:
				if c.returnsStarted(n, k, results, started) {
					c.pass.ExportObjectFact(fn, &Source{Result: k})
				}
			}
			return true
		})
		return
	}
}

// startedIn are the variables of body that hold a span started in it.
func (c *checker) startedIn(body *ast.BlockStmt) map[types.Object]bool {
	started := map[types.Object]bool{}
	ast.Inspect(body, func(n ast.Node) bool {
		assign, ok := n.(*ast.AssignStmt)
		if !ok || len(assign.Rhs) != 1 {
			return true
		}
		call, ok := ast.Unparen(assign.Rhs[0]).(*ast.CallExpr)
		if !ok {
			return true
		}
		if k, ok := c.source(call); ok && k < len(assign.Lhs) {
			if id, ok := assign.Lhs[k].(*ast.Ident); ok {
				started[c.pass.TypesInfo.ObjectOf(id)] = true
			}
		}
		return true
	})
	return started
}

func (c *checker) returnsStarted(ret *ast.ReturnStmt, k int, results *types.Tuple, started map[types.Object]bool) bool {
	switch {
	case len(ret.Results) == 0:
		return started[results.At(k)]
	case len(ret.Results) == results.Len():
		switch e := ast.Unparen(ret.Results[k]).(type) {
		case *ast.Ident:
			return started[c.pass.TypesInfo.ObjectOf(e)]
		case *ast.CallExpr:
			_, ok := c.source(e)
			return ok
		}
	case len(ret.Results) == 1:
		if call, ok := ast.Unparen(ret.Results[0]).(*ast.CallExpr); ok {
			from, ok := c.source(call)
			return ok && from == k
		}
	}
	return false
}

// source reports whether call starts a span, and which of its results that is.
func (c *checker) source(call *ast.CallExpr) (result int, ok bool) {
	fn, ok := typeutil.Callee(c.pass.TypesInfo, call).(*types.Func)
	if !ok {
		return 0, false
	}
	res := fn.Signature().Results()
	if fn.Name() == "Start" && res.Len() == 2 && athand.IsContext(res.At(0).Type()) && athand.IsSpan(res.At(1).Type()) {
		return 1, true
	}
	s := new(Source)
	if c.pass.ImportObjectFact(fn.Origin(), s) {
		return s.Result, true
	}
	return 0, false
}

// consumes reports whether n ends the span v or hands it to code that may: any
// use but a call of another of its methods, a comparison, an assignment to it or
// an argument that is only borrowed. A use inside a function literal counts for
// the place where the literal stands.
func (c *checker) consumes(n ast.Node, v types.Object) bool {
	found := false
	harmless := map[ast.Node]bool{}
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			c.markBorrowed(n, harmless)
			if sel, ok := n.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name != "End" {
				harmless[ast.Unparen(sel.X)] = true
			}
		case *ast.BinaryExpr:
			if n.Op == token.EQL || n.Op == token.NEQ {
				harmless[ast.Unparen(n.X)], harmless[ast.Unparen(n.Y)] = true, true
			}
		case *ast.AssignStmt:
			for k, l := range n.Lhs {
				harmless[l] = true
				if id, ok := l.(*ast.Ident); ok && id.Name == "_" && len(n.Lhs) == len(n.Rhs) {
					harmless[n.Rhs[k]] = true
				}
			}
		case *ast.Ident:
			if !harmless[n] && c.pass.TypesInfo.Uses[n] == v {
				found = true
			}
		}
		return !found
	})
	return found
}

// markBorrowed marks the arguments of call that its callee only writes to.
func (c *checker) markBorrowed(call *ast.CallExpr, harmless map[ast.Node]bool) {
	fn, ok := typeutil.Callee(c.pass.TypesInfo, call).(*types.Func)
	if !ok {
		return
	}
	b := new(Borrows)
	if !c.pass.ImportObjectFact(fn.Origin(), b) {
		return
	}
	for k, arg := range call.Args {
		if slices.Contains(b.Params, k) {
			harmless[ast.Unparen(arg)] = true
		}
	}
}

// isVar reports whether e is a mention of the variable v.
func (c *checker) isVar(e ast.Expr, v types.Object) bool {
	id, ok := ast.Unparen(e).(*ast.Ident)
	return ok && v != nil && c.pass.TypesInfo.ObjectOf(id) == v
}
