package propagate

import "context"

// Scope is what [Ref.Enter] did to a goroutine, and [Scope.Leave] undoes. It
// is a value; copies are the same scope.
type Scope struct{ s scope }

// Current returns the context of the running goroutine: the span it entered or
// inherited, or, when that has ended, the nearest one around it that lives. It
// is zero when there is none or when [Ambient] is false.
func Current() Ref { return Ref{current()} }

// Origin is like [Current], but answers the span the goroutine entered or
// inherited even when it must not be a parent, and then says so: because it
// has ended, or because it is another library's and will never tell when it
// ends, as a remote or unsampled one. Such an origin is something to link to.
func Origin() (r Ref, ended bool) {
	c := ambientCell()
	return Ref{c}, c != nil && !c.mayParent()
}

// Enter makes r the context of the running goroutine and of those it starts
// from now on. Labels a user set on the goroutine stay. Entering the zero Ref
// takes the goroutine's context away.
//
// The Scope returned belongs to this goroutine:
//
//	defer r.Enter().Leave()
//
// When [Ambient] is false Enter does nothing; see [EnterContext].
func (r Ref) Enter() Scope { return Scope{enter(r.c)} }

// EnterContext enters the context that ctx carries; with none of its own in
// ctx, nothing changes. It differs from FromContext(ctx).Enter() only when
// [Ambient] is false: a ctx made by [NewContext] of a sampled span then labels
// the goroutine by way of runtime/pprof, so that profiles still name the
// trace. For want of a way to read labels, Leave then sets those of the
// context that NewContext was given, on whatever goroutine it is called.
func EnterContext(ctx context.Context) Scope {
	if ctx == nil {
		return Scope{}
	}
	if ambient {
		if r, ok := carried(ctx); ok {
			return r.Enter()
		}
		return Scope{}
	}
	x, ok := ctx.Value(refKey{}).(*refCtx)
	if !ok || !x.c.sampled() {
		return Scope{}
	}
	return Scope{enterExplicit(x)}
}

// Leave gives the goroutine back what Enter replaced. It acts only where the
// goroutine still carries what Enter put there: on another goroutine, a second
// time, or out of order it leaves the labels alone. (A goroutine started
// inside the scope carries it too; there Leave takes it off that goroutine.)
// The zero Scope is left without effect.
func (s Scope) Leave() { s.s.leave() }

// TryLeave is [Scope.Leave] for who cannot know on which goroutine it runs,
// such as the end of a span. It does the same, and where it can do nothing,
// that does not count as [Lost].
func (s Scope) TryLeave() { s.s.tryLeave() }
