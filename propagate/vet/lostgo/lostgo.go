// Package lostgo defines an analyzer that finds goroutines which start over from
// context.Background although the code that starts them has a context.
package lostgo

import (
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"
	"golang.org/x/tools/go/ast/inspector"
	"golang.org/x/tools/go/types/typeutil"

	"github.com/clewhq/clew/propagate/vet/internal/athand"
	"github.com/clewhq/clew/propagate/vet/internal/mend"
	"github.com/clewhq/clew/propagate/vet/internal/work"
)

const doc = `find goroutines that drop the context at hand

A goroutine started where a context.Context (or an *http.Request) is at hand, and
which calls on with context.Background() or context.TODO(), or with a variant that
takes no context (db.Query for db.QueryContext), cuts its work off from the trace:

	go func() { audit(context.Background(), order) }()

The fix keeps the trace and still not the cancellation, so the program does what
it did:

	go func() { audit(context.WithoutCancel(ctx), order) }()

Where the work is to be a trace of its own, say so with propagate.Detach(ctx),
propagate.Background or a comment "//propagate:detached reason". Goroutines that
loop until they are stopped are not looked at: they outlive the request.`

// Analyzer reports goroutines that drop the context at hand. Calls of
// errgroup.Group.Go and sync.WaitGroup.Go count as go statements.
var Analyzer = &analysis.Analyzer{
	Name:     "lostgo",
	Doc:      doc,
	URL:      mend.URL,
	Requires: []*analysis.Analyzer{inspect.Analyzer, work.Analyzer},
	Run:      run,
}

type checker struct {
	*mend.Reporter
	pass *analysis.Pass
	info *work.Info
}

func run(pass *analysis.Pass) (any, error) {
	c := &checker{mend.NewReporter(pass), pass, pass.ResultOf[work.Analyzer].(*work.Info)}
	root := pass.ResultOf[inspect.Analyzer].(*inspector.Inspector).Root()
	for cur := range root.Preorder((*ast.GoStmt)(nil), (*ast.CallExpr)(nil)) {
		switch n := cur.Node().(type) {
		case *ast.GoStmt:
			c.started(cur, n.Call.Fun, n.Call.Args)
		case *ast.CallExpr:
			if len(n.Args) == 1 && spawns(pass.TypesInfo, n) {
				c.started(cur, n.Args[0], nil)
			}
		}
	}
	return nil, nil
}

// spawns reports whether call starts its one argument on a new goroutine.
func spawns(info *types.Info, call *ast.CallExpr) bool {
	switch path, name := athand.Callee(info, call); path {
	case "golang.org/x/sync/errgroup":
		return name == "Group.Go" || name == "Group.TryGo"
	case "sync":
		return name == "WaitGroup.Go"
	}
	return false
}

// started judges a goroutine that runs fun(args...), started at cur.
func (c *checker) started(cur inspector.Cursor, fun ast.Expr, args []ast.Expr) {
	file := c.File(cur.Node().Pos())
	if file == nil {
		return
	}
	ctx, ok := c.info.At(file, cur.Node().Pos())
	if !ok {
		return
	}
	lit, isLit := ast.Unparen(fun).(*ast.FuncLit)
	if isLit && c.info.Endless(lit.Body) || !isLit && c.endless(fun) {
		return
	}
	for _, arg := range args {
		if c.info.Passive(&ast.CallExpr{Fun: fun}) {
			break
		}
		if athand.IsRoot(c.pass.TypesInfo, arg) {
			c.report(cur, file, work.Site{Root: ast.Unparen(arg).(*ast.CallExpr), Node: arg, What: types.ExprString(arg)})
		}
	}
	if isLit {
		c.body(cur, file, lit)
		return
	}
	if fn := callee(c.pass.TypesInfo, fun); fn != nil {
		roots := new(work.Roots)
		if c.info.Rooted(fn, roots) {
			c.Report(cur, analysis.Diagnostic{
				Pos: fun.Pos(), End: fun.End(),
				Message: "goroutine drops " + ctx.Expr + ": " + fn.Name() + " takes no context and calls " + roots.What,
			})
		}
	}
}

// endless reports whether the function started by name loops until stopped.
func (c *checker) endless(fun ast.Expr) bool {
	fn := callee(c.pass.TypesInfo, fun)
	if fn == nil {
		return false
	}
	d := c.info.Decl(fn.Origin())
	return d != nil && c.info.Endless(d.Body)
}

func callee(info *types.Info, fun ast.Expr) *types.Func {
	fn, _ := typeutil.Callee(info, &ast.CallExpr{Fun: fun}).(*types.Func)
	return fn
}

// body reports what the literal started at cur calls without a context. A
// literal that uses one elsewhere is reported for its Background() only.
func (c *checker) body(cur inspector.Cursor, file *ast.File, lit *ast.FuncLit) {
	uses := c.info.Uses(lit.Body)
	for s := range c.info.Sites(lit.Body) {
		if s.Dynamic || s.Root == nil && uses {
			continue
		}
		c.report(cur, file, s)
	}
}

func (c *checker) report(cur inspector.Cursor, file *ast.File, s work.Site) {
	ctx, ok := c.info.At(file, s.Node.Pos())
	if !ok {
		return
	}
	at, ok := cur.FindNode(s.Node)
	if !ok {
		return
	}
	d := analysis.Diagnostic{
		Pos: s.Node.Pos(), End: s.Node.End(),
		Message: "goroutine drops " + ctx.Expr + ": it calls " + s.What,
	}
	if s.Root != nil {
		d.Message = "goroutine drops " + ctx.Expr + ": it starts over from " + s.What
	}
	switch {
	case !ctx.Stable:
	case s.Root != nil:
		d.SuggestedFixes = c.Detach(file, s.Root, ctx)
	case s.Sibling != "":
		d.SuggestedFixes = c.withContext(file, s, ctx)
	}
	c.Report(at, d)
}

// withContext is the fix that calls the variant which takes a context.
func (c *checker) withContext(file *ast.File, s work.Site, ctx athand.Context) []analysis.SuggestedFix {
	call := s.Node.(*ast.CallExpr)
	arg, ok := c.Detached(file, s.Node.Pos(), ctx)
	if !ok {
		return nil
	}
	name := call.Fun
	if sel, ok := name.(*ast.SelectorExpr); ok {
		name = sel.Sel
	}
	if _, ok := name.(*ast.Ident); !ok {
		return nil // a generic function with its type arguments
	}
	text := s.Sibling + "(" + arg
	if len(call.Args) > 0 {
		text += ", "
	}
	return []analysis.SuggestedFix{{
		Message:   "Call " + text + "…)",
		TextEdits: []analysis.TextEdit{{Pos: name.Pos(), End: call.Lparen + 1, NewText: []byte(text)}},
	}}
}
