// Package mend reports what the analyzers find, honours the comments that
// declare a detachment deliberate, and builds the edits that mend a finding.
package mend

import (
	"go/ast"
	"go/token"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/inspector"

	"github.com/clewhq/clew/propagate/vet/internal/athand"
)

// Directive is the comment that declares a detachment deliberate. A reason must
// follow it on the same line.
const Directive = "//propagate:detached"

// A Reporter reports the findings of one analyzer in one package.
type Reporter struct {
	pass  *analysis.Pass
	files map[*token.File]*file
}

type file struct {
	ast    *ast.File
	quiet  bool         // a test or generated: its detachments are nobody's request
	marked map[int]bool // line of a directive -> it has a reason
}

// NewReporter reads the directives of the package under analysis.
func NewReporter(pass *analysis.Pass) *Reporter {
	r := &Reporter{pass: pass, files: map[*token.File]*file{}}
	for _, f := range pass.Files {
		tf := pass.Fset.File(f.FileStart)
		r.files[tf] = &file{
			ast:    f,
			quiet:  ast.IsGenerated(f) || strings.HasSuffix(tf.Name(), "_test.go"),
			marked: directives(tf, f),
		}
	}
	return r
}

func directives(tf *token.File, f *ast.File) map[int]bool {
	marked := map[int]bool{}
	for _, group := range f.Comments {
		for _, c := range group.List {
			line := tf.Line(c.Pos())
			if rest, ok := strings.CutPrefix(c.Text, Directive); ok && (rest == "" || rest[0] == ' ' || rest[0] == '\t') {
				marked[line] = strings.TrimSpace(rest) != ""
			} else if strings.HasPrefix(c.Text, "//nolint:") && strings.Contains(c.Text, "contextcheck") {
				marked[line] = true // said already, to a linter that asks the same
			}
		}
	}
	return marked
}

// File is the syntax of the file pos lies in, or nil where nothing is to be
// reported: tests, generated files.
func (r *Reporter) File(pos token.Pos) *ast.File {
	f := r.files[r.pass.Fset.File(pos)]
	if f == nil || f.quiet {
		return nil
	}
	return f.ast
}

// Report reports a finding at cur unless it is declared deliberate.
func (r *Reporter) Report(cur inspector.Cursor, d analysis.Diagnostic) {
	tf := r.pass.Fset.File(d.Pos)
	f := r.files[tf]
	if f == nil || f.quiet {
		return
	}
	switch reason, marked := r.marked(tf, f, cur); {
	case reason, r.inBackground(cur):
		return
	case marked:
		d.Message += "; " + Directive + " here gives no reason: write one after it"
	}
	d.Category = "propagate"
	r.pass.Report(d)
}

// marked looks for a directive on the line of cur's node, of a statement or
// declaration around it, or directly above one of these.
func (r *Reporter) marked(tf *token.File, f *file, cur inspector.Cursor) (reason, marked bool) {
	for c := cur; c.Valid() && c.Node() != nil; c = c.Parent() {
		n := c.Node()
		if _, ok := n.(*ast.File); ok {
			break
		}
		line := tf.Line(n.Pos())
		for _, l := range [...]int{line, line - 1} {
			if why, ok := f.marked[l]; ok {
				reason, marked = reason || why, true
			}
		}
		if d, ok := n.(*ast.FuncDecl); ok && d.Doc != nil {
			for _, c := range d.Doc.List {
				if why, ok := f.marked[tf.Line(c.Pos())]; ok {
					reason, marked = reason || why, true
				}
			}
		}
	}
	return reason, marked
}

// inBackground reports whether cur lies in a function given to
// propagate.Background, which says in code what the directive says in words.
func (r *Reporter) inBackground(cur inspector.Cursor) bool {
	for c := range cur.Enclosing((*ast.CallExpr)(nil)) {
		call := c.Node().(*ast.CallExpr)
		if path, name := athand.Callee(r.pass.TypesInfo, call); path == athand.PropagatePath && name == "Background" {
			return true
		}
	}
	return false
}
