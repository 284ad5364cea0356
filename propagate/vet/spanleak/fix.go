package spanleak

import (
	"go/ast"
	"go/token"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/inspector"
)

// deferEnd is the fix that ends the span when the function returns. It is nil
// unless that is sure to be right: the function neither ends the span nor hands it
// on anywhere, the start is a statement of its own outside any loop, and on a line of its own.
func (c *checker) deferEnd(cur inspector.Cursor, s start, settled bool) []analysis.SuggestedFix {
	if settled || s.stmt == nil || s.name == nil {
		return nil
	}
	stmt := cur
	for stmt = range cur.Enclosing() {
		if stmt.Node() == s.stmt {
			break
		}
	}
	block, ok := stmt.Parent().Node().(*ast.BlockStmt)
	if !ok || inLoop(stmt) {
		return nil
	}
	line, ok := c.lineAfter(s.stmt, block)
	if !ok {
		return nil
	}
	var edits []analysis.TextEdit
	name := s.name.Name
	if name == "_" {
		assign, ok := s.stmt.(*ast.AssignStmt)
		if name = "span"; !ok || assign.Tok != token.DEFINE || c.taken(name, s.stmt.Pos(), block) {
			return nil
		}
		edits = append(edits, analysis.TextEdit{Pos: s.name.Pos(), End: s.name.End(), NewText: []byte(name)})
	}
	text := "defer " + name + ".End()"
	edits = append(edits, analysis.TextEdit{Pos: line, End: line, NewText: []byte(text + "\n")})
	return []analysis.SuggestedFix{{Message: "Insert " + text, TextEdits: edits}}
}

// inLoop reports whether stmt lies in a loop of its function, where a defer
// would wait for the function's end.
func inLoop(stmt inspector.Cursor) bool {
	for c := range stmt.Enclosing((*ast.ForStmt)(nil), (*ast.RangeStmt)(nil), (*ast.FuncLit)(nil), (*ast.FuncDecl)(nil)) {
		switch c.Node().(type) {
		case *ast.ForStmt, *ast.RangeStmt:
			return true
		}
		return false
	}
	return false
}

// lineAfter is the start of the line below stmt, if nothing else of block
// stands on stmt's last line.
func (c *checker) lineAfter(stmt ast.Stmt, block *ast.BlockStmt) (token.Pos, bool) {
	tf := c.pass.Fset.File(stmt.Pos())
	last := tf.Line(stmt.End())
	if tf.Line(block.Rbrace) == last {
		return token.NoPos, false
	}
	for _, other := range block.List {
		if other.Pos() > stmt.Pos() && tf.Line(other.Pos()) == last {
			return token.NoPos, false
		}
	}
	return tf.LineStart(last + 1), true
}

// taken reports whether a new variable of this name would hide or meet another.
func (c *checker) taken(name string, pos token.Pos, block *ast.BlockStmt) bool {
	scope := c.pass.Pkg.Scope().Innermost(pos)
	if scope == nil {
		return true
	}
	if _, obj := scope.LookupParent(name, token.NoPos); obj != nil {
		return true
	}
	used := false
	ast.Inspect(block, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && id.Name == name {
			used = true
		}
		return !used
	})
	return used
}
