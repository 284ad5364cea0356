package mend

import (
	"go/ast"
	"go/token"
	"go/types"
	"go/version"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/tools/go/analysis"

	"github.com/clewhq/clew/propagate/vet/internal/athand"
)

// URL is where the analyzers are described.
const URL = "https://github.com/clewhq/clew/blob/main/docs/propagatevet.md"

// Detach is the fix that puts a context at hand in the place of
// context.Background(): the values go along, cancellation still does not, so
// that the program does what it did. It is nil where the edit might not compile.
func (r *Reporter) Detach(f *ast.File, root *ast.CallExpr, ctx athand.Context) []analysis.SuggestedFix {
	text, ok := r.Detached(f, root.Pos(), ctx)
	if !ok {
		return nil
	}
	return Replace(root, "Keep the trace, not the cancellation: "+text, text)
}

// Detached is how to write, at pos in f, the context at hand without its
// cancellation. It is not ok where that would not compile.
func (r *Reporter) Detached(f *ast.File, pos token.Pos, ctx athand.Context) (text string, ok bool) {
	if !r.since(f, "go1.21") { // WithoutCancel came with 1.21
		return "", false
	}
	for _, imp := range f.Imports {
		if imp.Path.Value != `"context"` {
			continue
		}
		name := "context"
		if imp.Name != nil {
			name = imp.Name.Name
		}
		_, obj := r.pass.TypesInfo.Scopes[f].Innermost(pos).LookupParent(name, pos)
		if pkg, ok := obj.(*types.PkgName); ok && pkg.Imported().Path() == "context" {
			return name + ".WithoutCancel(" + ctx.Expr + ")", true
		}
	}
	return "", false
}

// Replace is the fix that writes text in the place of node.
func Replace(node ast.Node, message, text string) []analysis.SuggestedFix {
	return []analysis.SuggestedFix{{
		Message:   message,
		TextEdits: []analysis.TextEdit{{Pos: node.Pos(), End: node.End(), NewText: []byte(text)}},
	}}
}

// Bind is the fix that wraps a func() in propagate.Bind. It is nil where the
// types would change or where package propagate cannot be imported: the module
// does not require it, or the name is taken.
func (r *Reporter) Bind(f *ast.File, task ast.Expr) []analysis.SuggestedFix {
	t := r.pass.TypesInfo.TypeOf(task)
	if sig, ok := types.Unalias(t).(*types.Signature); !ok || sig.Params().Len()+sig.Results().Len() != 0 {
		return nil // a named func type, or one Bind does not take
	}
	if !r.requiresClew(f) {
		return nil
	}
	name, imp := r.importName(f)
	scope := r.pass.TypesInfo.Scopes[f].Innermost(task.Pos())
	if scope == nil || name == "_" || name == "." {
		return nil
	}
	switch _, obj := scope.LookupParent(name, task.Pos()); obj := obj.(type) {
	case nil: // free
	case *types.PkgName:
		if obj.Imported().Path() != athand.PropagatePath {
			return nil
		}
	default:
		return nil
	}
	edits := []analysis.TextEdit{
		{Pos: task.Pos(), End: task.Pos(), NewText: []byte(name + ".Bind(")},
		{Pos: task.End(), End: task.End(), NewText: []byte(")")},
	}
	if imp != nil {
		edits = append(edits, *imp)
	}
	return []analysis.SuggestedFix{{Message: "Run it under the context current here: " + name + ".Bind", TextEdits: edits}}
}

// importName is the name package propagate has in f, with the edit that imports
// it where f does not.
func (r *Reporter) importName(f *ast.File) (string, *analysis.TextEdit) {
	quoted := strconv.Quote(athand.PropagatePath)
	for _, imp := range f.Imports {
		if imp.Path.Value == quoted {
			if imp.Name != nil {
				return imp.Name.Name, nil
			}
			return "propagate", nil
		}
	}
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || len(g.Specs) == 0 {
			continue
		}
		last, ok := g.Specs[len(g.Specs)-1].(*ast.ImportSpec)
		if !ok || last.Path.Value == `"C"` { // cgo's import keeps its preamble to itself
			continue
		}
		if g.Rparen.IsValid() {
			return "propagate", &analysis.TextEdit{Pos: g.Rparen, End: g.Rparen, NewText: []byte("\n\t" + quoted + "\n")}
		}
		return "propagate", &analysis.TextEdit{Pos: g.End(), End: g.End(), NewText: []byte("\nimport " + quoted)}
	}
	return "propagate", &analysis.TextEdit{Pos: f.Name.End(), End: f.Name.End(), NewText: []byte("\n\nimport " + quoted)}
}

// requiresClew reports whether the module of f can import package propagate
// without its go.mod being changed, so that a fix compiles as it stands.
func (r *Reporter) requiresClew(f *ast.File) bool {
	for _, p := range r.pass.Pkg.Imports() {
		if p.Path() == athand.PropagatePath || p.Path() == athand.TracePath {
			return true
		}
	}
	module := strings.TrimSuffix(athand.PropagatePath, "/propagate")
	for dir := filepath.Dir(r.pass.Fset.Position(f.Pos()).Filename); ; dir = filepath.Dir(dir) {
		data, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil {
			return requires(string(data), module)
		}
		if dir == filepath.Dir(dir) {
			return false
		}
	}
}

// requires reports whether a go.mod names module as itself or in a require line.
func requires(gomod, module string) bool {
	for line := range strings.Lines(gomod) {
		words := strings.Fields(line)
		if len(words) > 1 && (words[0] == "require" || words[0] == "module") {
			words = words[1:]
		}
		if len(words) > 0 && strings.Trim(words[0], `"`) == module {
			return true
		}
	}
	return false
}

// since reports whether f is compiled as version v of the language or a later one.
func (r *Reporter) since(f *ast.File, v string) bool {
	have := r.pass.TypesInfo.FileVersions[f]
	if have == "" {
		have = r.pass.Pkg.GoVersion()
	}
	return have == "" || version.Compare(have, v) >= 0
}
