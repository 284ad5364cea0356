// Package work knows what code does when it runs with no context at hand: which
// calls begin a trace of their own, which functions do so inside, and which
// hand the function they are given to another goroutine. What it learns of a
// package it exports as facts, so that callers in other packages know it too.
package work

import (
	"go/ast"
	"go/token"
	"go/types"
	"iter"
	"reflect"
	"regexp"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"
	"golang.org/x/tools/go/types/typeutil"

	"github.com/clewhq/clew/propagate/vet/internal/athand"
)

// Analyzer gathers the facts; its result is an [Info].
var Analyzer = &analysis.Analyzer{
	Name:       "propagatework",
	Doc:        "gather which functions start from context.Background and which hand a func to another goroutine",
	Requires:   []*analysis.Analyzer{inspect.Analyzer},
	FactTypes:  []analysis.Fact{(*Roots)(nil), (*Defers)(nil)},
	ResultType: reflect.TypeFor[*Info](),
	Run:        run,
}

// Roots is the fact that a function takes no context and starts from
// context.Background inside.
type Roots struct {
	What string // the call that does it, for the message
}

// AFact marks Roots as a fact.
func (*Roots) AFact() {}

func (r *Roots) String() string { return "roots " + r.What }

// Info is what is known of the package under analysis and of those it imports.
type Info struct {
	*athand.Finder
	pass  *analysis.Pass
	decls map[*types.Func]*ast.FuncDecl
}

func run(pass *analysis.Pass) (any, error) {
	info := &Info{Finder: athand.NewFinder(pass), pass: pass, decls: map[*types.Func]*ast.FuncDecl{}}
	for _, f := range pass.Files {
		for _, d := range f.Decls {
			if d, ok := d.(*ast.FuncDecl); ok && d.Body != nil {
				if fn, ok := pass.TypesInfo.Defs[d.Name].(*types.Func); ok {
					info.decls[fn] = d
				}
			}
		}
	}
	if standard(pass) {
		return info, nil // its few rooted calls are listed in bare, its queues are its own
	}
	info.exportDefers()
	info.exportRoots()
	return info, nil
}

// standard reports whether the package under analysis is the standard library's.
func standard(pass *analysis.Pass) bool {
	if pass.Module != nil && pass.Module.Path != "" && pass.Module.Path != "std" {
		return false
	}
	first, _, _ := strings.Cut(pass.Pkg.Path(), "/")
	return !strings.Contains(first, ".")
}

// exportRoots notes the functions that start over from Background themselves.
// Callers of these are not noted in turn: two calls away the connection is hard
// to see and, in real modules, mostly means something else than a trace.
func (i *Info) exportRoots() {
	roots := map[*types.Func]*Roots{}
	for fn, d := range i.decls {
		for s := range i.Sites(d.Body) {
			if s.Dynamic || s.Called {
				continue
			}
			if i.mayRoot(fn, d) {
				roots[fn] = &Roots{What: s.What}
			}
			break
		}
	}
	for fn, r := range roots {
		i.pass.ExportObjectFact(fn, r)
	}
}

// lifecycle is how functions are called that begin and end components.
var lifecycle = regexp.MustCompile(`^(?i:new|open|init|main|start|run|serve|close|shutdown|stop|gc|garbageCollect)([^a-z]|$)`)

// mayRoot excludes the functions whose Background() is no request's business:
// those that are given a context and choose not to use it, endless loops,
// constructors and clean-up.
func (i *Info) mayRoot(fn *types.Func, d *ast.FuncDecl) bool {
	for p := range fn.Signature().Params().Variables() {
		if athand.Carries(p.Type()) {
			return false
		}
	}
	return !lifecycle.MatchString(fn.Name()) && !i.Endless(d.Body) && !i.Uses(d.Body)
}

// Decl is the body of a function of the package under analysis, or nil.
func (i *Info) Decl(fn *types.Func) *ast.FuncDecl { return i.decls[fn] }

// Rooted fills in roots if fn is known to start from context.Background.
func (i *Info) Rooted(fn *types.Func, roots *Roots) bool {
	return i.pass.ImportObjectFact(fn.Origin(), roots)
}

// A Site is a call that begins without a context.
type Site struct {
	Node    ast.Node      // the call
	Root    *ast.CallExpr // its context.Background(), if that is how
	Sibling string        // the name of the variant that takes a context, if that is how
	What    string        // for the message
	Called  bool          // it is the called function that starts over
	Dynamic bool          // a call of a func value: who knows what it does
}

// Sites yields the calls in body that begin without a context.
func (i *Info) Sites(body ast.Node) iter.Seq[Site] {
	return func(yield func(Site) bool) {
		more := true
		ast.Inspect(body, func(n ast.Node) bool {
			if !more {
				return false
			}
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if i.Passive(call) {
				return false
			}
			if s, ok := i.site(call); ok {
				more = yield(s)
			}
			return more
		})
	}
}

// Log methods as loggers of all makes call them.
var (
	logs     = regexp.MustCompile(`^(Print|Debug|Info|Warn|Warning|Error|Fatal|Panic|Log|Trace)(f|ln|w|Attrs|Context|Ctx|fContext)?$`)
	loggers  = regexp.MustCompile(`(?i)log`)
	collects = regexp.MustCompile(`^(?i:gc|garbageCollect)([^a-z]|$)`)       // rubbish is nobody's request
	starts   = regexp.MustCompile(`^(?i:start|run|serve|init|monitor)[A-Z]`) // what outlives the request; not Tracer.Start
	logFunc  = regexp.MustCompile(`(^log|Log)([A-Z]|f?$)`)                   // a function of one's own, such as logOnceIf
)

// Passive reports whether call is one in which Background() loses nothing: a
// line of log, a semaphore, a garbage collection; and pprof's labels, which have
// an analyzer of their own.
func (i *Info) Passive(call *ast.CallExpr) bool {
	switch path, name := athand.Callee(i.pass.TypesInfo, call); path {
	case "log/slog", "runtime/pprof", "testing":
		return true
	case "golang.org/x/sync/semaphore", "golang.org/x/time/rate":
		return true // they wait, and nothing more
	case athand.PropagatePath:
		return name == "Background"
	}
	if fn := typeutil.Callee(i.pass.TypesInfo, call); fn != nil && (logFunc.MatchString(fn.Name()) || collects.MatchString(fn.Name()) || starts.MatchString(fn.Name())) {
		return true
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	return ok && logs.MatchString(sel.Sel.Name) && loggers.MatchString(types.ExprString(sel.X)+typeName(i.pass.TypesInfo.TypeOf(sel.X)))
}

func typeName(t types.Type) string {
	if t == nil {
		return ""
	}
	return types.TypeString(t, func(*types.Package) string { return "" })
}

func (i *Info) site(call *ast.CallExpr) (Site, bool) {
	if athand.IsRoot(i.pass.TypesInfo, call) {
		return Site{Node: call, Root: call, What: types.ExprString(call)}, true
	}
	switch fn := typeutil.Callee(i.pass.TypesInfo, call).(type) {
	case *types.Func:
		if s, ok := i.bare(call, fn); ok {
			return s, true
		}
		roots := new(Roots)
		if i.Rooted(fn, roots) {
			return Site{Node: call, What: fn.Name() + ", which calls " + roots.What, Called: true}, true
		}
	case *types.Var:
		if foreign(fn) {
			return Site{Node: call, What: "the function " + types.ExprString(call.Fun), Dynamic: true}, true
		}
	}
	return Site{}, false
}

// foreign reports whether v is a task from elsewhere: a func() in a field or a
// parameter; not a cancel function and not a local closure, whose body is read
// where it stands.
func foreign(v *types.Var) bool {
	if athand.IsCancel(v.Type()) {
		return false
	}
	return athand.IsFunc(v.Type()) && (v.Kind() == types.FieldVar || v.Kind() == types.ParamVar)
}

// bare recognises a call of the variant without a context of a function that
// has one with it, as DB.Query has DB.QueryContext.
func (i *Info) bare(call *ast.CallExpr, fn *types.Func) (Site, bool) {
	if fn.Pkg() == nil || fn.Pkg().Path() == "log/slog" {
		return Site{}, false
	}
	path, name := athand.Callee(i.pass.TypesInfo, call)
	if path == "net/http" {
		switch name {
		case "Get", "Head", "Post", "PostForm", "Client.Get", "Client.Head", "Client.Post", "Client.PostForm":
			return Site{Node: call, What: "http." + name + ", which takes no context"}, true
		}
	}
	for _, suffix := range [...]string{"Context", "WithContext", "Ctx"} {
		if s := sibling(i.pass.Pkg, fn, fn.Name()+suffix); s != nil && sameButContext(fn, s) {
			return Site{Node: call, Sibling: s.Name(), What: fn.Name() + " instead of " + s.Name()}, true
		}
	}
	return Site{}, false
}

func sibling(from *types.Package, fn *types.Func, name string) *types.Func {
	var obj types.Object
	if recv := fn.Signature().Recv(); recv != nil {
		obj, _, _ = types.LookupFieldOrMethod(recv.Type(), true, from, name)
	} else if token.IsExported(name) || fn.Pkg() == from {
		obj = fn.Pkg().Scope().Lookup(name)
	}
	s, _ := obj.(*types.Func)
	return s
}

// sameButContext reports whether with takes a context and then what fn takes.
func sameButContext(fn, with *types.Func) bool {
	a, b := fn.Signature(), with.Signature()
	if b.Params().Len() != a.Params().Len()+1 || a.Variadic() != b.Variadic() || !types.Identical(a.Results(), b.Results()) {
		return false
	}
	if !athand.IsContext(b.Params().At(0).Type()) {
		return false
	}
	for k := range a.Params().Len() {
		if !types.Identical(a.Params().At(k).Type(), b.Params().At(k+1).Type()) {
			return false
		}
	}
	return true
}
