package otlprecv

import (
	"mime"

	colmetricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// maxNesting bounds how deep an attribute's value may be nested, so that no
// reader behind us meets a value it cannot walk.
const maxNesting = 128

// codec is one of the two encodings of OTLP/HTTP.
type codec struct {
	mediaType string
	marshal   func(proto.Message) ([]byte, error)
	unmarshal func([]byte, proto.Message) error
}

var (
	protobufCodec = &codec{
		mediaType: "application/x-protobuf",
		marshal:   proto.Marshal,
		unmarshal: func(b []byte, req proto.Message) error {
			return proto.UnmarshalOptions{RecursionLimit: maxNesting, DiscardUnknown: true}.Unmarshal(b, req)
		},
	}
	jsonCodec = &codec{
		mediaType: "application/json",
		marshal:   protojson.Marshal,
		unmarshal: func(b []byte, req proto.Message) error {
			o := protojson.UnmarshalOptions{RecursionLimit: maxNesting, DiscardUnknown: true}
			if err := o.Unmarshal(b, req); err != nil {
				return err
			}
			switch req := req.(type) {
			case *coltracepb.ExportTraceServiceRequest:
				unhex(req.ResourceSpans)
			case *colmetricspb.ExportMetricsServiceRequest:
				unhexExemplars(req.ResourceMetrics)
			}
			return nil
		},
	}
)

// codecFor answers the codec of a Content-Type, or nil. Parameters such as
// charset are allowed and ignored.
func codecFor(contentType string) *codec {
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil
	}
	for _, c := range []*codec{protobufCodec, jsonCodec} {
		if c.mediaType == mediaType {
			return c
		}
	}
	return nil
}
