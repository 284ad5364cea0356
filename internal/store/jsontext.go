package store

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
)

// jsonText writes an array or map as JSON for a reader's eyes. What is nested
// too deep or comes after maxText bytes is left out and shown as "…", which
// keeps both the text and the stack small whatever was sent.
func jsonText(v *commonpb.AnyValue) (s string, cut bool) {
	w := jsonWriter{}
	w.value(v, 0)
	return string(w.buf), w.cut
}

type jsonWriter struct {
	buf []byte
	cut bool
}

// full reports, and marks, that nothing more has room.
func (w *jsonWriter) full() bool {
	if len(w.buf) < maxText {
		return false
	}
	w.cut = true
	return true
}

func (w *jsonWriter) value(v *commonpb.AnyValue, depth int) {
	if depth > maxNesting {
		w.cut = true
		w.string("…")
		return
	}
	switch v := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		w.string(v.StringValue)
	case *commonpb.AnyValue_BoolValue:
		w.buf = strconv.AppendBool(w.buf, v.BoolValue)
	case *commonpb.AnyValue_IntValue:
		w.buf = strconv.AppendInt(w.buf, v.IntValue, 10)
	case *commonpb.AnyValue_DoubleValue:
		if math.IsNaN(v.DoubleValue) || math.IsInf(v.DoubleValue, 0) {
			w.string(strconv.FormatFloat(v.DoubleValue, 'g', -1, 64)) // JSON has no such numbers
			return
		}
		w.buf = strconv.AppendFloat(w.buf, v.DoubleValue, 'g', -1, 64)
	case *commonpb.AnyValue_BytesValue:
		w.string(base64.StdEncoding.EncodeToString(v.BytesValue[:min(len(v.BytesValue), maxText)]))
	case *commonpb.AnyValue_ArrayValue:
		w.array(v.ArrayValue.GetValues(), depth)
	case *commonpb.AnyValue_KvlistValue:
		w.object(v.KvlistValue.GetValues(), depth)
	default:
		w.buf = append(w.buf, "null"...)
	}
}

func (w *jsonWriter) array(vs []*commonpb.AnyValue, depth int) {
	w.buf = append(w.buf, '[')
	for i, v := range vs {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		if w.full() {
			w.string("…")
			break
		}
		w.value(v, depth+1)
	}
	w.buf = append(w.buf, ']')
}

func (w *jsonWriter) object(kvs []*commonpb.KeyValue, depth int) {
	w.buf = append(w.buf, '{')
	for i, kv := range kvs {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		if w.full() {
			w.buf = append(w.buf, `"…":null`...)
			break
		}
		w.string(kv.GetKey())
		w.buf = append(w.buf, ':')
		w.value(kv.GetValue(), depth+1)
	}
	w.buf = append(w.buf, '}')
}

func (w *jsonWriter) string(s string) {
	if len(s) > maxText {
		w.cut = true
		s = text(s, maxText)
	}
	b, err := json.Marshal(s)
	if err != nil { // not for a string: invalid UTF-8 is replaced
		b = []byte(`""`)
	}
	w.buf = append(w.buf, b...)
}
