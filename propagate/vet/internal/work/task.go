package work

import (
	"go/ast"
	"go/token"
	"go/types"

	"golang.org/x/tools/go/types/typeutil"

	"github.com/clewhq/clew/propagate/vet/internal/athand"
)

// Lost reports whether the function value task, run later on another goroutine,
// begins without a context, and by which call. A literal that uses a context
// of its surroundings carries it; a function whose body is out of sight is
// given the benefit of the doubt, except for a parameter: it is somebody's
// work passed through.
func (i *Info) Lost(task ast.Expr) (what string, lost bool) {
	return i.lost(task, true)
}

func (i *Info) lost(task ast.Expr, follow bool) (string, bool) {
	if t := i.pass.TypesInfo.TypeOf(task); t == nil || athand.IsCancel(t) {
		return "", false
	}
	switch e := ast.Unparen(task).(type) {
	case *ast.FuncLit:
		if i.Uses(e.Body) {
			return "", false
		}
		for s := range i.Sites(e.Body) {
			return "it calls " + s.What, true
		}
	case *ast.Ident, *ast.SelectorExpr:
		return i.lostName(e, follow)
	}
	return "", false
}

func (i *Info) lostName(e ast.Expr, follow bool) (string, bool) {
	switch obj := object(i.pass.TypesInfo, e).(type) {
	case *types.Func:
		roots := new(Roots)
		if i.Rooted(obj, roots) {
			return "it calls " + roots.What, true
		}
	case *types.Var:
		if !follow {
			return "", false
		}
		defs := i.Defs(obj)
		if len(defs) == 0 && obj.Kind() == types.ParamVar {
			return "it is a caller's work, which expects the caller's context", true
		}
		if len(defs) == 1 {
			return i.lost(defs[0], false)
		}
	}
	return "", false
}

// object is what a name or a selector denotes.
func object(info *types.Info, e ast.Expr) types.Object {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		return info.ObjectOf(e)
	case *ast.SelectorExpr:
		return info.ObjectOf(e.Sel)
	}
	return nil
}

// Uses reports whether body mentions a context, a request, a span or one of
// propagate's carriers, so that it has a context of its own. The receiver does
// not count as one even where its struct holds one: that is the component's.
func (i *Info) Uses(body ast.Node) bool {
	found := false
	ast.Inspect(body, func(n ast.Node) bool {
		if found {
			return false
		}
		switch n := n.(type) {
		case *ast.CallExpr:
			if path, _ := athand.Callee(i.pass.TypesInfo, n); path == athand.PropagatePath {
				found = true
			}
		case *ast.Ident:
			v, ok := i.pass.TypesInfo.ObjectOf(n).(*types.Var)
			if ok && v.Kind() != types.RecvVar && athand.Carries(v.Type()) && !i.rootedVar(v) {
				found = true
			}
		}
		return !found
	})
	return found
}

// rootedVar reports whether v is a context made from Background on the spot.
func (i *Info) rootedVar(v *types.Var) bool {
	defs := i.Defs(v)
	for _, d := range defs {
		if !i.RootedExpr(d) {
			return false
		}
	}
	return len(defs) > 0
}

// Endless reports whether body, nested functions aside, runs until it is told
// to stop: it loops without a condition, ranges over a channel or waits for a
// context's Done. Such a goroutine serves more than the request that started it.
func (i *Info) Endless(body ast.Node) bool {
	found := false
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return n.Body == body
		case *ast.ForStmt:
			found = found || n.Cond == nil
		case *ast.RangeStmt:
			_, ok := i.pass.TypesInfo.TypeOf(n.X).Underlying().(*types.Chan)
			found = found || ok
		case *ast.UnaryExpr:
			found = found || n.Op == token.ARROW && i.isDone(n.X)
		}
		return !found
	})
	return found
}

func (i *Info) isDone(e ast.Expr) bool {
	call, ok := ast.Unparen(e).(*ast.CallExpr)
	if !ok {
		return false
	}
	fn, ok := typeutil.Callee(i.pass.TypesInfo, call).(*types.Func)
	return ok && fn.Name() == "Done" && fn.Signature().Recv() != nil && athand.IsContext(fn.Signature().Recv().Type())
}
