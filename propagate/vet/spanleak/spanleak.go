// Package spanleak defines an analyzer that finds spans which are started and
// on some path never ended.
package spanleak

import (
	"fmt"
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/ctrlflow"
	"golang.org/x/tools/go/analysis/passes/inspect"
	"golang.org/x/tools/go/ast/inspector"
	"golang.org/x/tools/go/cfg"

	"github.com/clewhq/clew/propagate/vet/internal/athand"
	"github.com/clewhq/clew/propagate/vet/internal/mend"
)

const doc = `find spans that are not ended on every path

A span that is never ended is never exported, and its children hang in the air:

	ctx, span := tracer.Start(ctx, "charge")
	if err := charge(ctx); err != nil {
		return err // the span stays open
	}
	span.End()

A span that is returned, stored, sent, passed to a function that does more than
write to it, or used by a function literal that ends it, is somebody else's to end
and no finding. So is one whose context is returned or stored by a function that
itself never ends it, as the hooks of database drivers do, and one that is thrown
away while its context goes to a function that takes the span out of it.

The fix inserts "defer span.End()" where the function neither ends the span
anywhere nor starts it in a loop.`

// Analyzer reports spans that are not ended on every path. Spans come from the
// Start of an OpenTelemetry Tracer, from clew's trace.Start and from every
// function seen to return such a span.
var Analyzer = &analysis.Analyzer{
	Name:      "spanleak",
	Doc:       doc,
	URL:       mend.URL,
	Requires:  []*analysis.Analyzer{inspect.Analyzer, ctrlflow.Analyzer},
	FactTypes: []analysis.Fact{(*Source)(nil), (*Borrows)(nil), (*Adopts)(nil)},
	Run:       run,
}

type checker struct {
	*mend.Reporter
	pass  *analysis.Pass
	graph *ctrlflow.CFGs
}

// A start is one statement that starts a span.
type start struct {
	call *ast.CallExpr
	stmt ast.Stmt     // the assignment or declaration; nil if there is none
	span *types.Var   // nil if it is thrown away
	name *ast.Ident   // of the span on the left; "_" if it is thrown away
	ctx  *types.Var   // the context returned with it, if kept
	err  types.Object // the error returned with it, if kept
}

func run(pass *analysis.Pass) (any, error) {
	c := &checker{mend.NewReporter(pass), pass, pass.ResultOf[ctrlflow.Analyzer].(*ctrlflow.CFGs)}
	c.exportFacts()
	root := pass.ResultOf[inspect.Analyzer].(*inspector.Inspector).Root()
	for cur := range root.Preorder((*ast.FuncDecl)(nil), (*ast.FuncLit)(nil)) {
		var body *ast.BlockStmt
		var g *cfg.CFG
		switch f := cur.Node().(type) {
		case *ast.FuncDecl:
			if body = f.Body; body != nil {
				g = c.graph.FuncDecl(f)
			}
		case *ast.FuncLit:
			body, g = f.Body, c.graph.FuncLit(f)
		}
		if g == nil || c.File(body.Pos()) == nil {
			continue
		}
		cur.Inspect([]ast.Node{(*ast.FuncLit)(nil), (*ast.CallExpr)(nil)}, func(in inspector.Cursor) bool {
			if call, ok := in.Node().(*ast.CallExpr); ok {
				c.check(in, call, body, g)
				return true
			}
			return in == cur // a function inside is looked at for itself
		})
	}
	return nil, nil
}

// check judges call if it starts a span for the function with this body.
func (c *checker) check(cur inspector.Cursor, call *ast.CallExpr, body *ast.BlockStmt, g *cfg.CFG) {
	result, ok := c.source(call)
	if !ok {
		return
	}
	s, owned := c.bind(cur, call, result)
	if !owned || s.span != nil && !within(s.span, body) {
		return // passed on, or a variable of somebody else: theirs to end
	}
	own := owner{c: c, start: s, body: body}
	own.ends = s.span != nil && own.endsAnywhere()
	ret, leaks := own.leak(g)
	if !leaks {
		return
	}
	settled := own.settlesAnywhere()
	d := analysis.Diagnostic{Pos: call.Pos(), End: call.End()}
	switch {
	case s.span == nil:
		d.Message = "the span started here is thrown away, so it is never ended"
	case !settled:
		d.Message = fmt.Sprintf("%s is never ended", s.span.Name())
	default:
		line := c.pass.Fset.Position(ret.Pos()).Line
		d.Message = fmt.Sprintf("%s is not ended on every path: it is still open at line %d", s.span.Name(), line)
		d.Related = []analysis.RelatedInformation{{Pos: ret.Pos(), End: ret.End(), Message: "still open here"}}
	}
	d.SuggestedFixes = c.deferEnd(cur, s, settled)
	c.Report(cur, d)
}

// bind finds the variables the results of call are assigned to. The span is not
// owned by this function if it goes elsewhere.
func (c *checker) bind(cur inspector.Cursor, call *ast.CallExpr, result int) (s start, owned bool) {
	s.call = call
	parent := cur.Parent()
	for {
		if _, ok := parent.Node().(*ast.ParenExpr); !ok {
			break
		}
		parent = parent.Parent()
	}
	var lhs []ast.Expr
	switch n := parent.Node().(type) {
	case *ast.ExprStmt:
		return s, true
	case *ast.AssignStmt:
		s.stmt, lhs = n, n.Lhs
		if len(n.Rhs) != 1 {
			return s, false
		}
	case *ast.ValueSpec:
		for _, name := range n.Names {
			lhs = append(lhs, name)
		}
		s.stmt, _ = parent.Parent().Parent().Node().(ast.Stmt)
		if len(n.Values) != 1 || s.stmt == nil {
			return s, false
		}
	default:
		return s, false
	}
	for k, l := range lhs {
		id, ok := l.(*ast.Ident)
		if !ok {
			if k == result {
				return s, false // stored in a field or an element
			}
			continue
		}
		v, _ := c.pass.TypesInfo.ObjectOf(id).(*types.Var)
		switch {
		case k == result:
			s.name = id
			if id.Name != "_" {
				s.span = v
			}
		case v == nil || id.Name == "_":
		case athand.IsContext(v.Type()):
			s.ctx = v
		case types.Identical(v.Type(), types.Universe.Lookup("error").Type()):
			s.err = v
		}
	}
	return s, s.name != nil && (s.name.Name == "_" || s.span != nil)
}

// within reports whether v is a variable of the function with this body: not
// a captured one, not a parameter, not a named result.
func within(v *types.Var, body *ast.BlockStmt) bool {
	return body.Pos() <= v.Pos() && v.Pos() < body.End()
}
