package propagate

import "context"

// detachedCtx marks work that is to be linked with its origin, not nested.
type detachedCtx struct {
	context.Context
	origin Ref
}

func (x *detachedCtx) Value(key any) any {
	switch {
	case key == any(refKey{}):
		return x
	case key == otelKey:
		return nil
	case key == pprofKey:
		return labelsWithout(x.Context)
	}
	return x.Context.Value(key)
}

// Detach returns a context for work that outlives the request it came from. It
// is not cancelled with ctx, keeps ctx's values, and carries no span: spans
// started under it are new roots, which trace.Start links to the origin, the
// span that ctx carries or else the goroutine's own.
func Detach(ctx context.Context) context.Context {
	if ctx == nil {
		ctx = context.Background()
	}
	origin, ok := Detached(ctx)
	if !ok {
		if origin, ok = carried(ctx); !ok {
			origin, _ = Origin()
		}
	}
	return &detachedCtx{context.WithoutCancel(ctx), origin}
}

// Detached reports whether ctx was made by [Detach] and carries no span since,
// and what it was detached from. The Ref may be zero, and may have ended.
func Detached(ctx context.Context) (Ref, bool) {
	if ctx == nil {
		return Ref{}, false
	}
	x, ok := ctx.Value(refKey{}).(*detachedCtx)
	if !ok {
		return Ref{}, false
	}
	if r, ok := carried(ctx); ok && !r.IsZero() {
		return Ref{}, false
	}
	return x.origin, true
}
