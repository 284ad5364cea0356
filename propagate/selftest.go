//go:build !propagate_noambient

package propagate

import (
	"context"
	"reflect"
	"runtime/pprof"
	"unsafe"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// ambient is false when the linked runtime failed selfTest. It is set once,
// before anybody can call.
var ambient bool

func init() {
	ambient = true // for the test itself
	ambient = selfTest()
}

// selfTest proves on a goroutine of its own that the runtime this program was
// linked with lays out, inherits and merges labels in the way this package
// relies on. The shape is settled by reflection before anything is read by it.
func selfTest() bool {
	result := make(chan bool, 1)
	go func() {
		passed := false
		defer func() {
			_ = recover() // a runtime that panics here has failed
			result <- passed
		}()
		passed = shapeKnown() && labelsKept() && carriedAndMerged()
	}()
	return <-result
}

// shapeKnown checks runtime/pprof's *labelMap against labelSet, and learns its
// type word.
func shapeKnown() bool {
	v := pprof.WithLabels(context.Background(), pprof.Labels("k1", "v1", "k2", "v2")).Value(pprofKey)
	t := reflect.TypeOf(v)
	if t == nil || t.Kind() != reflect.Pointer || t.Elem().Size() != unsafe.Sizeof(labelSet{}) {
		return false
	}
	for t = t.Elem(); t.Kind() == reflect.Struct; t = t.Field(0).Type {
		if t.NumField() != 1 {
			return false
		}
	}
	if t.Kind() != reflect.Slice || t.Elem().Kind() != reflect.Struct || t.Elem().NumField() != 2 ||
		t.Elem().Field(0).Type.Kind() != reflect.String || t.Elem().Field(1).Type.Kind() != reflect.String {
		return false
	}
	e := *(*eface)(unsafe.Pointer(&v))
	if asText, ok := v.(interface{ String() string }); !ok || asText.String() != `{"k1":"v1", "k2":"v2"}` {
		return false
	}
	labelMapType = e.typ
	s := (*labelSet)(e.data)
	return len(s.List) == 2 && s.List[0] == label{"k1", "v1"} && s.List[1] == label{"k2", "v2"}
}

// labelsKept checks that a goroutine's label pointer is the *labelMap it was
// given, and that both directions work.
func labelsKept() bool {
	v := pprof.WithLabels(context.Background(), pprof.Labels("k", "v"))
	pprof.SetGoroutineLabels(v)
	m := v.Value(pprofKey)
	p := runtime_getProfLabel()
	if p == nil || p != (*eface)(unsafe.Pointer(&m)).data || cellOf(p) != nil {
		return false
	}
	runtime_setProfLabel(nil)
	return runtime_getProfLabel() == nil
}

// carriedAndMerged checks inheritance by a child goroutine and a pprof.Do with
// a context of ours, for a sampled and an unsampled span.
func carriedAndMerged() bool {
	for _, flags := range []oteltrace.TraceFlags{oteltrace.FlagsSampled, 0} {
		r := New(nonRecording(oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
			TraceID: oteltrace.TraceID{1}, SpanID: oteltrace.SpanID{2}, TraceFlags: flags,
		})), Ref{})
		scope := r.Enter()
		child := make(chan Ref)
		go func() { child <- Current() }()
		if <-child != r {
			return false
		}
		merged := false
		pprof.Do(NewContext(context.Background(), r), pprof.Labels("a", "1", "z", "2"), func(ctx context.Context) {
			p := runtime_getProfLabel()
			a, _ := pprof.Label(ctx, "a")
			merged = p != nil && own(p) == nil && Current() == r && a == "1"
		})
		if !merged || Current() != r {
			return false
		}
		scope.Leave()
		if runtime_getProfLabel() != nil {
			return false
		}
	}
	return true
}
