package batch

import (
	"github.com/clewhq/clew/trace/provider/internal/otlp"
)

// Request is what the sender takes: an ExportTraceServiceRequest in pieces, in the memory of the
// batches that it is made of. It is good until [Set.Recycle].
type Request struct {
	Pieces [][]byte
	Size   int // bytes of the pieces
	Spans  int
	of     []*Batch
}

// request puts the batches between the resource's enclosure, the spans of each scope together.
func request(resource otlp.Enclosure, of []*Batch) *Request {
	r := &Request{of: of}
	var scopes []*otlp.Enclosure
	pieces, sizes := map[*otlp.Enclosure][][]byte{}, map[*otlp.Enclosure]int{}
	for _, b := range of {
		r.Spans += b.spans
		from := 0
		for _, run := range b.runs {
			if pieces[run.scope] == nil {
				scopes = append(scopes, run.scope)
			}
			pieces[run.scope] = append(pieces[run.scope], b.data[from:run.end])
			sizes[run.scope] += run.end - from
			from = run.end
		}
	}
	inner := resource.Len()
	for _, s := range scopes {
		n := s.Len() + sizes[s]
		inner += 1 + otlp.VarintLen(uint64(n)) + n
	}
	r.add(append(otlp.AppendLen(nil, otlp.ResourceSpans, inner), resource.Head...))
	for _, s := range scopes {
		r.add(append(otlp.AppendLen(nil, otlp.ScopeSpans, s.Len()+sizes[s]), s.Head...))
		for _, p := range pieces[s] {
			r.add(p)
		}
		r.add(s.Tail)
	}
	r.add(resource.Tail)
	return r
}

func (r *Request) add(piece []byte) {
	if len(piece) > 0 {
		r.Pieces = append(r.Pieces, piece)
		r.Size += len(piece)
	}
}
