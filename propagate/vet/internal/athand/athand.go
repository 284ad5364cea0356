package athand

import (
	"go/ast"
	"go/token"
	"go/types"

	"golang.org/x/tools/go/analysis"
)

// A Context is a context a place in the code could use.
type Context struct {
	Pos    token.Pos // of its variable
	Expr   string    // how to write it: "ctx", or "r.Context()" for a request
	Stable bool      // it means the same at the place asked about: no closure captures a variable that is assigned again
}

// A Finder looks contexts up in one package.
type Finder struct {
	pass *analysis.Pass
	defs map[types.Object][]ast.Expr // what a variable is assigned, wherever
}

// NewFinder reads the assignments of the package under analysis.
func NewFinder(pass *analysis.Pass) *Finder {
	f := &Finder{pass: pass, defs: map[types.Object][]ast.Expr{}}
	for _, file := range pass.Files {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				f.define(n.Lhs, n.Rhs)
			case *ast.ValueSpec:
				lhs := make([]ast.Expr, len(n.Names))
				for i, name := range n.Names {
					lhs[i] = name
				}
				f.define(lhs, n.Values)
			case *ast.RangeStmt:
				f.define([]ast.Expr{n.Key, n.Value}, []ast.Expr{n.X})
			}
			return true
		})
	}
	return f
}

func (f *Finder) define(lhs, rhs []ast.Expr) {
	for i, l := range lhs {
		id, ok := l.(*ast.Ident)
		if !ok {
			continue
		}
		obj := f.pass.TypesInfo.ObjectOf(id)
		if obj == nil {
			continue
		}
		switch {
		case len(rhs) == len(lhs):
			f.defs[obj] = append(f.defs[obj], rhs[i])
		case len(rhs) > 0:
			f.defs[obj] = append(f.defs[obj], rhs[0])
		}
	}
}

// Defs are the expressions a variable is assigned in this package; for one
// value of a tuple, the call that makes the tuple.
func (f *Finder) Defs(obj types.Object) []ast.Expr { return f.defs[obj] }

// At finds the context nearest to pos: the innermost scope that declares one
// wins, and in it the one named ctx. A context that descends from
// context.Background within this package, as main's, carries no trace yet and
// is passed over.
func (f *Finder) At(file *ast.File, pos token.Pos) (Context, bool) {
	fileScope := f.pass.TypesInfo.Scopes[file]
	if fileScope == nil {
		return Context{}, false
	}
	inner := fileScope.Innermost(pos)
	for s := inner; s != nil && s != fileScope; s = s.Parent() {
		if v := f.pick(s, inner, pos); v != nil {
			return f.describe(v, file, pos), true
		}
	}
	return Context{}, false
}

// pick chooses among the variables declared in s and visible at pos.
func (f *Finder) pick(s, inner *types.Scope, pos token.Pos) *types.Var {
	var best *types.Var
	for _, name := range s.Names() {
		v, ok := s.Lookup(name).(*types.Var)
		if !ok || name == "_" || !IsContext(v.Type()) && !IsRequest(v.Type()) {
			continue
		}
		if _, seen := inner.LookupParent(name, pos); seen != v || f.rooted(v, 0) {
			continue
		}
		if best == nil || name == "ctx" || best.Name() != "ctx" && v.Pos() > best.Pos() {
			best = v
		}
	}
	return best
}

func (f *Finder) describe(v *types.Var, file *ast.File, pos token.Pos) Context {
	c := Context{Pos: v.Pos(), Expr: v.Name(), Stable: f.stable(v) || !captured(v, file, pos)}
	if IsRequest(v.Type()) {
		c.Expr += ".Context()"
	}
	return c
}

// stable reports whether v keeps the one value it was born with.
func (f *Finder) stable(v *types.Var) bool {
	born := 1
	if v.Kind() == types.ParamVar || v.Kind() == types.RecvVar {
		born = 0
	}
	return len(f.defs[v]) == born
}

// captured reports whether a function literal around pos closes over v.
func captured(v *types.Var, file *ast.File, pos token.Pos) bool {
	found := false
	ast.Inspect(file, func(n ast.Node) bool {
		if n == nil || pos < n.Pos() || n.End() <= pos {
			return false
		}
		if lit, ok := n.(*ast.FuncLit); ok && (v.Pos() < lit.Pos() || lit.End() <= v.Pos()) {
			found = true
		}
		return !found
	})
	return found
}

// maxChain bounds the walk from a context to its origin: ctx = f(ctx) is a circle.
const maxChain = 8

// rooted reports whether every value v can have descends from Background.
func (f *Finder) rooted(v types.Object, depth int) bool {
	if depth > maxChain || len(f.defs[v]) == 0 {
		return false
	}
	self := true
	for _, e := range f.defs[v] {
		if f.derivesFrom(e, v) {
			continue // ctx = context.WithValue(ctx, …) is as rooted as ctx was
		}
		self = false
		if !f.rootedExpr(e, depth+1) {
			return false
		}
	}
	return !self
}

// RootedExpr reports whether e is Background, TODO or derived from one without
// a span being started on the way.
func (f *Finder) RootedExpr(e ast.Expr) bool { return f.rootedExpr(e, 0) }

func (f *Finder) rootedExpr(e ast.Expr, depth int) bool {
	if depth > maxChain {
		return false
	}
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		obj := f.pass.TypesInfo.ObjectOf(e)
		return obj != nil && f.rooted(obj, depth+1)
	case *ast.CallExpr:
		if IsRoot(f.pass.TypesInfo, e) {
			return true
		}
		return f.derives(e) && f.rootedExpr(e.Args[0], depth+1)
	}
	return false
}

// derives reports whether call makes a context out of its first argument and
// adds no span to it.
func (f *Finder) derives(call *ast.CallExpr) bool {
	if len(call.Args) == 0 {
		return false
	}
	switch path, _ := Callee(f.pass.TypesInfo, call); path {
	case "context", "os/signal", "golang.org/x/sync/errgroup":
		return true
	}
	return false
}

func (f *Finder) derivesFrom(e ast.Expr, v types.Object) bool {
	call, ok := ast.Unparen(e).(*ast.CallExpr)
	if !ok || !f.derives(call) {
		return false
	}
	id, ok := ast.Unparen(call.Args[0]).(*ast.Ident)
	return ok && f.pass.TypesInfo.ObjectOf(id) == v
}
