// Package lostchan defines an analyzer that finds work sent over a channel
// without the context of the code that sends it.
package lostchan

import (
	"go/ast"
	"go/types"
	"regexp"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"
	"golang.org/x/tools/go/ast/inspector"

	"github.com/clewhq/clew/propagate/vet/internal/athand"
	"github.com/clewhq/clew/propagate/vet/internal/mend"
	"github.com/clewhq/clew/propagate/vet/internal/work"
)

const doc = `find work sent over a channel without the context at hand

The goroutine that receives from a channel has no context of the one that sends.
A function sent is reported if it does something a trace would show, a struct if
it is an item of work (it holds a func or a channel for the answer, or is called
a job or task) and has no context inside. A channel made under the context is the
request's own, and not looked at:

	jobs <- func() { index(context.Background(), doc) }
	queue <- job{doc: d, done: done}

The fix for a function is propagate.Bind. An item gets a context by sending it as
propagate.Item with propagate.Send, or in a field; that changes types, so there is
no fix for it.`

// Analyzer reports work sent over a channel without the context at hand.
var Analyzer = &analysis.Analyzer{
	Name:     "lostchan",
	Doc:      doc,
	URL:      mend.URL,
	Requires: []*analysis.Analyzer{inspect.Analyzer, work.Analyzer},
	Run:      run,
}

func run(pass *analysis.Pass) (any, error) {
	r := mend.NewReporter(pass)
	info := pass.ResultOf[work.Analyzer].(*work.Info)
	root := pass.ResultOf[inspect.Analyzer].(*inspector.Inspector).Root()
	for cur := range root.Preorder((*ast.SendStmt)(nil)) {
		send := cur.Node().(*ast.SendStmt)
		file := r.File(send.Pos())
		t := pass.TypesInfo.TypeOf(send.Value)
		if file == nil || t == nil {
			continue
		}
		ctx, ok := info.At(file, send.Pos())
		if !ok || within(pass, send.Chan, ctx) {
			continue
		}
		if athand.IsFunc(t) {
			if what, lost := info.Lost(send.Value); lost {
				r.Report(cur, analysis.Diagnostic{
					Pos: send.Value.Pos(), End: send.Value.End(),
					Message:        "function is sent without " + ctx.Expr + ": " + what,
					SuggestedFixes: r.Bind(file, send.Value),
				})
			}
		} else if isItem(t) && !athand.Carries(t) && madeHere(pass, info, send.Value) {
			r.Report(cur, analysis.Diagnostic{
				Pos: send.Value.Pos(), End: send.Value.End(),
				Message: "work item is sent without " + ctx.Expr + ": " + types.TypeString(t, types.RelativeTo(pass.Pkg)) +
					" has no context; send it as propagate.Item, or give it a field for one",
			})
		}
	}
	return nil, nil
}

// within reports whether the channel was made under the context, so that those
// who receive from it are the request's own: they have been given it, or inherit.
func within(pass *analysis.Pass, channel ast.Expr, ctx athand.Context) bool {
	id, ok := ast.Unparen(channel).(*ast.Ident)
	if !ok {
		return false
	}
	v, ok := pass.TypesInfo.ObjectOf(id).(*types.Var)
	return ok && v.Kind() == types.LocalVar && v.Pos() > ctx.Pos
}

// madeHere reports whether the item was made by the code that sends it. A thing
// passed on from elsewhere, such as a connection back to its pool, is no request.
func madeHere(pass *analysis.Pass, info *work.Info, e ast.Expr) bool {
	switch e := ast.Unparen(e).(type) {
	case *ast.CompositeLit:
		return !info.Uses(e)
	case *ast.UnaryExpr:
		return madeHere(pass, info, e.X)
	case *ast.Ident:
		v, ok := pass.TypesInfo.ObjectOf(e).(*types.Var)
		if !ok || v.Kind() != types.LocalVar {
			return false
		}
		defs := info.Defs(v)
		if len(defs) != 1 {
			return false
		}
		if _, name := ast.Unparen(defs[0]).(*ast.Ident); name {
			return false
		}
		return madeHere(pass, info, defs[0])
	case *ast.CallExpr: // new(job), newJob(…)
		id, ok := ast.Unparen(e.Fun).(*ast.Ident)
		return ok && strings.HasPrefix(strings.ToLower(id.Name), "new") && !info.Uses(e)
	}
	return false
}

// answers reports whether a struct has an error in it, as results have: it goes
// the way back.
func answers(s *types.Struct) bool {
	for f := range s.Fields() {
		if types.Identical(f.Type(), types.Universe.Lookup("error").Type()) {
			return true
		}
	}
	return false
}

var taskName = regexp.MustCompile(`(?i)(job|task|work|workitem)$`)

// isItem reports whether t is a struct, or a pointer to one, that asks its
// receiver to do something: it brings a function to run or a channel to answer
// on, or is named for a piece of work.
func isItem(t types.Type) bool {
	t = types.Unalias(t)
	if p, ok := t.(*types.Pointer); ok {
		t = types.Unalias(p.Elem())
	}
	s, ok := t.Underlying().(*types.Struct)
	if !ok {
		return false
	}
	if n, ok := t.(*types.Named); ok && taskName.MatchString(n.Obj().Name()) {
		return true
	}
	if answers(s) {
		return false
	}
	for f := range s.Fields() {
		switch u := f.Type().Underlying().(type) {
		case *types.Signature:
			return true
		case *types.Chan:
			if u.Dir() != types.RecvOnly {
				return true
			}
		}
	}
	return false
}
