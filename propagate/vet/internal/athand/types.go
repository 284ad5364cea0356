// Package athand answers which context.Context a place in the code has at
// hand, and what counts as a context at all.
package athand

import (
	"go/ast"
	"go/types"
	"strings"

	"golang.org/x/tools/go/types/typeutil"
)

// Import paths the analyzers know by name.
const (
	PropagatePath = "github.com/clewhq/clew/propagate"
	TracePath     = "github.com/clewhq/clew/trace"
	OTelPath      = "go.opentelemetry.io/otel/trace"
)

// IsContext reports whether t is context.Context.
func IsContext(t types.Type) bool { return isNamed(t, "context", "Context") }

// IsRequest reports whether t is *net/http.Request, which has a context inside.
func IsRequest(t types.Type) bool {
	p, ok := types.Unalias(t).(*types.Pointer)
	return ok && isNamed(p.Elem(), "net/http", "Request")
}

// IsSpan reports whether t is the Span of the OpenTelemetry API or implements it.
func IsSpan(t types.Type) bool {
	if isNamed(t, OTelPath, "Span") {
		return true
	}
	n := named(t)
	if n == nil || n.Obj().Pkg() == nil {
		return false
	}
	return n.Obj().Name() == "Span" && strings.HasPrefix(n.Obj().Pkg().Path(), TracePath)
}

// Carries reports whether a value of type t brings a context with it: it is a
// context, a request, a span or one of propagate's own carriers, or a struct
// that has such a field.
func Carries(t types.Type) bool { return carries(t, 0) }

// carryDepth bounds how deep a struct is looked into: an item in a queue holds
// its context at the top or one struct below, not in a distant object graph.
const carryDepth = 3

func carries(t types.Type, depth int) bool {
	if t == nil || depth > carryDepth {
		return false
	}
	if IsContext(t) || IsRequest(t) || IsSpan(t) {
		return true
	}
	if n := named(t); n != nil && n.Obj().Pkg() != nil {
		switch n.Obj().Pkg().Path() {
		case PropagatePath:
			return true
		case OTelPath:
			return n.Obj().Name() == "SpanContext"
		}
		if implementsContext(n) {
			return true
		}
	}
	switch u := t.Underlying().(type) {
	case *types.Pointer:
		return carries(u.Elem(), depth+1)
	case *types.Struct:
		for f := range u.Fields() {
			if carries(f.Type(), depth+1) {
				return true
			}
		}
	case *types.Slice:
		return carries(u.Elem(), depth+1)
	}
	return false
}

// implementsContext recognises the contexts of web frameworks by their methods,
// without importing package context's type. It asks for the rarest name first:
// it is asked of every type there is.
func implementsContext(t types.Type) bool {
	for _, name := range [...]string{"Deadline", "Done", "Err", "Value"} {
		obj, _, _ := types.LookupFieldOrMethod(t, true, nil, name)
		if _, method := obj.(*types.Func); !method {
			return false
		}
	}
	return true
}

// IsFunc reports whether t is func() or func() error, the shapes of a task.
func IsFunc(t types.Type) bool {
	sig, ok := t.Underlying().(*types.Signature)
	if !ok || sig.Params().Len() != 0 || sig.Recv() != nil {
		return false
	}
	switch sig.Results().Len() {
	case 0:
		return true
	case 1:
		return types.Identical(sig.Results().At(0).Type(), types.Universe.Lookup("error").Type())
	}
	return false
}

// IsCancel reports whether t is context.CancelFunc or CancelCauseFunc.
func IsCancel(t types.Type) bool {
	return isNamed(t, "context", "CancelFunc") || isNamed(t, "context", "CancelCauseFunc")
}

// Callee is the path and the name of what a call calls: ("context",
// "Background"), or for a method ("net/http", "Client.Do"). It is empty for a
// call through a function value.
func Callee(info *types.Info, call *ast.CallExpr) (path, name string) {
	f, ok := typeutil.Callee(info, call).(*types.Func)
	if !ok || f.Pkg() == nil {
		return "", ""
	}
	name = f.Name()
	if recv := f.Signature().Recv(); recv != nil {
		if n := named(recv.Type()); n != nil {
			name = n.Obj().Name() + "." + name
		}
	}
	return f.Pkg().Path(), name
}

// IsRoot reports whether e is context.Background() or context.TODO().
func IsRoot(info *types.Info, e ast.Expr) bool {
	call, ok := ast.Unparen(e).(*ast.CallExpr)
	if !ok {
		return false
	}
	path, name := Callee(info, call)
	return path == "context" && (name == "Background" || name == "TODO")
}

func isNamed(t types.Type, path, name string) bool {
	n, ok := types.Unalias(t).(*types.Named)
	return ok && n.Obj().Name() == name && n.Obj().Pkg() != nil && n.Obj().Pkg().Path() == path
}

// named is the named type behind t or behind the pointer t, or nil.
func named(t types.Type) *types.Named {
	t = types.Unalias(t)
	if p, ok := t.(*types.Pointer); ok {
		t = types.Unalias(p.Elem())
	}
	n, _ := t.(*types.Named)
	return n
}
