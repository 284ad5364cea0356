package provider

import (
	"context"
	"encoding/binary"
	"reflect"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// sampler decides what is recorded and sent. The SDK's own samplers, by far the most used, are known
// for what they are and need not be called.
type sampler struct {
	parentBased bool   // where there is a parent its decision counts
	bound       uint64 // a root, or every span, is sampled if the last 63 bits of its trace id are below
	other       sdktrace.Sampler
}

const all = 1 << 63

func newSampler(s sdktrace.Sampler) sampler {
	if bound, ok := boundOf(s); ok {
		return sampler{bound: bound}
	}
	if root := rootOf(s); root.IsValid() {
		if bound, ok := boundIn(root); ok {
			return sampler{parentBased: true, bound: bound}
		}
	}
	return sampler{other: s}
}

// boundOf recognises the samplers that look at nothing but the trace id.
func boundOf(s sdktrace.Sampler) (uint64, bool) { return boundIn(reflect.ValueOf(s)) }

// The types are the SDK's secret, so that samples of them serve.
var (
	alwaysType = reflect.TypeOf(sdktrace.AlwaysSample())
	neverType  = reflect.TypeOf(sdktrace.NeverSample())
	fixedType  = reflect.TypeOf(sdktrace.TraceIDRatioBased(1))
	ratioType  = reflect.TypeOf(sdktrace.TraceIDRatioBased(0.5))
	parentType = reflect.TypeOf(sdktrace.ParentBased(sdktrace.AlwaysSample()))
)

func boundIn(v reflect.Value) (uint64, bool) {
	if !v.IsValid() {
		return 0, false
	}
	switch v.Type() {
	case alwaysType:
		return all, true
	case neverType:
		return 0, true
	case fixedType: // a ratio of 0 or 1
		if d := v.FieldByName("decision"); d.IsValid() && d.Kind() == reflect.Uint8 {
			if sdktrace.SamplingDecision(d.Uint()) == sdktrace.RecordAndSample {
				return all, true
			}
			return 0, true
		}
	case ratioType:
		if v.IsNil() {
			return 0, false
		}
		if b := v.Elem().FieldByName("traceIDUpperBound"); b.IsValid() && b.Kind() == reflect.Uint64 {
			return b.Uint(), true
		}
	}
	return 0, false
}

// rootOf returns what a parent-based sampler asks about roots, if it does with children what their
// parents' flag says.
func rootOf(s sdktrace.Sampler) reflect.Value {
	v := reflect.ValueOf(s)
	if !v.IsValid() || v.Type() != parentType {
		return reflect.Value{}
	}
	cfg, root := v.FieldByName("config"), v.FieldByName("root")
	if !cfg.IsValid() || !root.IsValid() || root.Kind() != reflect.Interface {
		return reflect.Value{}
	}
	for field, want := range map[string]reflect.Type{
		"remoteParentSampled": alwaysType, "remoteParentNotSampled": neverType,
		"localParentSampled": alwaysType, "localParentNotSampled": neverType,
	} {
		f := cfg.FieldByName(field)
		if !f.IsValid() || f.Kind() != reflect.Interface || f.IsNil() || f.Elem().Type() != want {
			return reflect.Value{}
		}
	}
	return root.Elem()
}

// sample decides by what is known of the span and its parent alone.
func (s *sampler) sample(parent oteltrace.SpanContext, id oteltrace.TraceID) bool {
	if s.parentBased && parent.IsValid() {
		return parent.IsSampled()
	}
	return binary.BigEndian.Uint64(id[8:])>>1 < s.bound
}

// ask asks a sampler that is not the SDK's. parent is the context it is to see.
func (s *sampler) ask(parent context.Context, id oteltrace.TraceID, name string, o *startOptions) sdktrace.SamplingResult {
	return s.other.ShouldSample(sdktrace.SamplingParameters{
		ParentContext: parent, TraceID: id, Name: name, Kind: o.kind, Attributes: o.attributes, Links: o.links,
	})
}

// startOptions are what a sampler of somebody else's may look at.
type startOptions struct {
	kind       oteltrace.SpanKind
	attributes []attribute.KeyValue
	links      []oteltrace.Link
}
