package spanleak

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/cfg"

	"github.com/clewhq/clew/propagate/vet/internal/athand"
)

// An owner follows one span through the function that started it.
type owner struct {
	c     *checker
	start start
	body  *ast.BlockStmt
	ends  bool // the function ends the span somewhere
}

// endsAnywhere reports whether span.End is mentioned anywhere in the function.
func (o *owner) endsAnywhere() bool {
	found := false
	ast.Inspect(o.body, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "End" && o.c.isVar(sel.X, o.start.span) {
			found = true
		}
		return !found
	})
	return found
}

// settlesAnywhere reports whether the function ends the span or hands it on at
// some place, if not on every path.
func (o *owner) settlesAnywhere() bool {
	found := false
	ast.Inspect(o.body, func(n ast.Node) bool {
		if stmt, ok := n.(ast.Stmt); ok && o.settles(stmt) {
			found = true
		}
		return !found
	})
	return found
}

// leak walks the control flow from the start of the span to where it is handed
// on or ended, and returns the statement at which a path gets to the end of the
// function, or to a new value of the variable, without that.
func (o *owner) leak(g *cfg.CFG) (ast.Node, bool) {
	for _, b := range g.Blocks {
		for i, n := range b.Nodes {
			if b.Live && contains(n, o.start.call) {
				return o.walk(b, i+1, map[*cfg.Block]bool{})
			}
		}
	}
	return nil, false // dead code
}

func contains(n, inner ast.Node) bool {
	if inner.Pos() < n.Pos() || n.End() < inner.End() {
		return false
	}
	_, isRange := n.(*ast.RangeStmt) // the graph has the parts of it one by one
	return !isRange
}

func (o *owner) walk(b *cfg.Block, from int, seen map[*cfg.Block]bool) (ast.Node, bool) {
	for _, n := range b.Nodes[from:] {
		if o.settles(n) {
			return nil, false
		}
		if ret, ok := n.(*ast.ReturnStmt); ok {
			return ret, true
		}
		if from == 0 && contains(n, o.start.call) || o.overwrites(n) {
			return n, true
		}
	}
	for _, next := range o.next(b, from) {
		if seen[next] {
			continue
		}
		seen[next] = true
		if ret, ok := o.walk(next, 0, seen); ok {
			return ret, true
		}
	}
	return nil, false
}

// next are the successors a path with an open span may take. A condition that
// asks for the span itself, or that held already when it was started, has one
// way out only.
func (o *owner) next(b *cfg.Block, from int) []*cfg.Block {
	if len(b.Succs) != 2 || len(b.Nodes) == 0 {
		return b.Succs
	}
	cond, ok := b.Nodes[len(b.Nodes)-1].(ast.Expr)
	if !ok {
		return b.Succs
	}
	if holds, known := o.decided(cond, from > 0); known && holds {
		return b.Succs[:1]
	} else if known {
		return b.Succs[1:]
	}
	return b.Succs
}

func (o *owner) decided(cond ast.Expr, sameBlock bool) (holds, known bool) {
	switch e := ast.Unparen(cond).(type) {
	case *ast.UnaryExpr:
		if e.Op == token.NOT {
			holds, known = o.decided(e.X, sameBlock)
			return !holds, known
		}
	case *ast.CallExpr: // a span that does not record needs no end
		if sel, ok := e.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "IsRecording" && o.c.isVar(sel.X, o.start.span) {
			return true, true
		}
	case *ast.BinaryExpr:
		if e.Op == token.NEQ || e.Op == token.EQL {
			if x, ok := againstNil(e); ok && o.c.isVar(x, o.start.span) {
				return e.Op == token.NEQ, true
			} else if ok && sameBlock && o.start.err != nil && o.c.isVar(x, o.start.err) {
				return e.Op == token.EQL, true // no span came with the error
			}
		}
	}
	return o.guarded(types.ExprString(cond))
}

func againstNil(e *ast.BinaryExpr) (ast.Expr, bool) {
	if id, ok := ast.Unparen(e.Y).(*ast.Ident); ok && id.Name == "nil" {
		return e.X, true
	}
	return nil, false
}

// guarded reports whether the span was started inside an if with this very
// condition: if traced { start } … if traced { end }.
func (o *owner) guarded(cond string) (holds, known bool) {
	at := o.start.call.Pos()
	ast.Inspect(o.body, func(n ast.Node) bool {
		if n == nil || at < n.Pos() || n.End() <= at || known {
			return false
		}
		if i, ok := n.(*ast.IfStmt); ok && types.ExprString(i.Cond) == cond {
			switch {
			case i.Body.Pos() <= at && at < i.Body.End():
				holds, known = true, true
			case i.Else != nil && i.Else.Pos() <= at && at < i.Else.End():
				holds, known = false, true
			}
		}
		return true
	})
	return holds, known
}

// settles reports whether n ends the span or hands it on.
func (o *owner) settles(n ast.Node) bool {
	if o.start.span != nil && o.c.consumes(n, o.start.span) {
		return true
	}
	if o.start.ctx == nil || o.ends {
		return false
	}
	return o.handsContext(n) || o.start.span == nil && o.adopted(n)
}

// overwrites reports whether n gives the span's variable another value.
func (o *owner) overwrites(n ast.Node) bool {
	assign, ok := n.(*ast.AssignStmt)
	if !ok || o.start.span == nil {
		return false
	}
	for _, l := range assign.Lhs {
		if o.c.isVar(l, o.start.span) {
			return true
		}
	}
	return false
}

// handsContext reports whether n returns or stores the context the span is in,
// so that whoever gets it can end the span.
func (o *owner) handsContext(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.ReturnStmt:
		if slices.ContainsFunc(n.Results, o.holdsContext) {
			return true
		}
	case *ast.AssignStmt:
		for k, l := range n.Lhs {
			if _, local := l.(*ast.Ident); !local && len(n.Lhs) == len(n.Rhs) && o.holdsContext(n.Rhs[k]) {
				return true
			}
		}
	}
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		if lit, ok := n.(*ast.CompositeLit); ok && o.holdsContext(lit) {
			found = true
		}
		return !found
	})
	return found
}

// holdsContext reports whether the value of e keeps the context: it is the
// context, one derived from it, or a literal or request with it inside.
func (o *owner) holdsContext(e ast.Expr) bool {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		return o.c.isVar(e, o.start.ctx)
	case *ast.UnaryExpr:
		return o.holdsContext(e.X)
	case *ast.StarExpr:
		return o.holdsContext(e.X)
	case *ast.KeyValueExpr:
		return o.holdsContext(e.Value)
	case *ast.CompositeLit:
		return slices.ContainsFunc(e.Elts, o.holdsContext)
	case *ast.CallExpr:
		t := o.c.pass.TypesInfo.TypeOf(e)
		return t != nil && (athand.IsContext(t) || athand.IsRequest(t)) && slices.ContainsFunc(e.Args, o.holdsContext)
	}
	return false
}
