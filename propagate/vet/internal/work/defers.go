package work

import (
	"fmt"
	"go/ast"
	"go/types"
	"regexp"
	"slices"

	"golang.org/x/tools/go/types/typeutil"

	"github.com/clewhq/clew/propagate/vet/internal/athand"
)

// Defers is the fact that a function hands some of its func parameters to a
// goroutine that was there before: it sends them on a channel or passes them to
// a function that does.
type Defers struct {
	Params []int // indices, the receiver not counted
}

// AFact marks Defers as a fact.
func (*Defers) AFact() {}

func (d *Defers) String() string { return fmt.Sprint("defers ", d.Params) }

// submitDepth bounds the chain followed in one package: a Submit that calls a
// submit that calls the one that sends.
const submitDepth = 3

func (i *Info) exportDefers() {
	for range submitDepth {
		for fn, d := range i.decls {
			if i.pass.ImportObjectFact(fn, new(Defers)) {
				continue
			}
			var params []int
			sig := fn.Signature()
			for k := range sig.Params().Len() {
				if p := sig.Params().At(k); athand.IsFunc(p.Type()) && !athand.IsCancel(p.Type()) && i.handsOver(d, p) {
					params = append(params, k)
				}
			}
			if params != nil {
				i.pass.ExportObjectFact(fn, &Defers{Params: params})
			}
		}
	}
}

// handsOver reports whether d sends p, or a thing that holds p, to another goroutine.
func (i *Info) handsOver(d *ast.FuncDecl, p *types.Var) bool {
	held := map[types.Object]bool{p: true}
	found := false
	ast.Inspect(d.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for k, l := range n.Lhs {
				if len(n.Lhs) == len(n.Rhs) && i.holds(n.Rhs[k], held) {
					i.taint(l, held)
				}
			}
		case *ast.SendStmt:
			found = found || i.holds(n.Value, held)
		case *ast.CallExpr:
			for k := range i.Handed(n) {
				found = found || i.holds(n.Args[k], held)
			}
		}
		return !found
	})
	return found
}

// taint notes that the variable under l now holds the parameter: t = p, t.fn = p.
func (i *Info) taint(l ast.Expr, held map[types.Object]bool) {
	if sel, ok := l.(*ast.SelectorExpr); ok {
		l = sel.X
	}
	id, ok := l.(*ast.Ident)
	if !ok {
		return
	}
	if v, ok := i.pass.TypesInfo.ObjectOf(id).(*types.Var); ok && v.Kind() == types.LocalVar {
		held[v] = true
	}
}

// holds reports whether the value of e keeps one of held: the thing itself, a
// literal with it inside, a closure over it. The result of a call does not.
func (i *Info) holds(e ast.Expr, held map[types.Object]bool) bool {
	found := false
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if tv := i.pass.TypesInfo.Types[n.Fun]; !tv.IsType() && n == ast.Unparen(e) {
				return false
			}
		case *ast.Ident:
			found = found || held[i.pass.TypesInfo.ObjectOf(n)]
		}
		return !found
	})
	return found
}

// Names that say, where no body can be read, that a method queues what it is given.
var (
	submits = regexp.MustCompile(`^(Try)?(Submit|Go|Execute|Schedule|Enqueue|Dispatch|Post)$`)
	pools   = regexp.MustCompile(`(?i)(pool|executor|worker|dispatcher|scheduler|queue|eventloop)`)
)

// Handed yields the indices of the arguments of call that are functions handed
// to a goroutine which does not inherit the caller's context.
func (i *Info) Handed(call *ast.CallExpr) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		fn, ok := typeutil.Callee(i.pass.TypesInfo, call).(*types.Func)
		if !ok {
			return
		}
		known := new(Defers)
		has := i.pass.ImportObjectFact(fn.Origin(), known)
		for k, arg := range call.Args {
			t := i.pass.TypesInfo.TypeOf(arg)
			if t == nil || !athand.IsFunc(t) {
				continue
			}
			if has && slices.Contains(known.Params, k) || !has && i.poolByName(fn) {
				if !yield(k) {
					return
				}
			}
		}
	}
}

// poolByName judges a method by its name and its receiver's.
func (i *Info) poolByName(fn *types.Func) bool {
	recv := fn.Signature().Recv()
	if recv == nil || !submits.MatchString(fn.Name()) || i.decls[fn] != nil || fn.Pkg() == nil || fn.Pkg().Path() == athand.PropagatePath {
		return false
	}
	t := types.Unalias(recv.Type())
	if p, ok := t.(*types.Pointer); ok {
		t = types.Unalias(p.Elem())
	}
	n, ok := t.(*types.Named)
	return ok && pools.MatchString(n.Obj().Name())
}
