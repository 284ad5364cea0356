package demo

import (
	"context"
	"errors"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/clewhq/clew/internal/otlprecv"
	"github.com/clewhq/clew/internal/store"
)

// router is the receiver's sink: it keeps the spans of the run without clew apart from all others, so that
// the page can show the two side by side. What else somebody on this machine sends is with the first.
type router struct {
	with, without *store.Memory
	control       string // value of runKey in the run without clew
}

func (r *router) Spans(ctx context.Context, rs []*tracepb.ResourceSpans) error {
	var with, without []*tracepb.ResourceSpans
	for _, spans := range rs {
		if r.isControl(spans) {
			without = append(without, spans)
		} else {
			with = append(with, spans)
		}
	}
	err := r.with.Spans(ctx, with)
	// A store answers with no other error than that of spans turned away: their numbers add up.
	var a, b *otlprecv.RejectedError
	also := r.without.Spans(ctx, without)
	if errors.As(err, &a) && errors.As(also, &b) {
		return &otlprecv.RejectedError{Spans: a.Spans + b.Spans, Reason: a.Reason}
	}
	return errors.Join(err, also)
}

func (r *router) isControl(spans *tracepb.ResourceSpans) bool {
	for _, a := range spans.GetResource().GetAttributes() {
		if a.GetKey() == runKey {
			return a.GetValue().GetStringValue() == r.control
		}
	}
	return false
}

// of is the store of a run.
func (r *router) of(run run) *store.Memory {
	if run.id == r.control {
		return r.without
	}
	return r.with
}
