package propagate

import "github.com/clewhq/clew/propagate/timeline/mark"

// markCarry tells a running execution trace that this goroutine carries c from
// here on, for package timeline.
func markCarry(c *cell) {
	m := mark.Mark{Kind: mark.Carry}
	if sc := (Ref{c}).SpanContext(); sc.HasSpanID() {
		m.Trace, m.Span = sc.TraceID(), sc.SpanID()
	}
	m.Write()
}

// around is the cell of the context that x was made from, or nil.
func around(x *refCtx) *cell {
	if outer, ok := x.Context.Value(refKey{}).(*refCtx); ok {
		return outer.c
	}
	return nil
}
