package calltree

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func id(n uint64) (s oteltrace.SpanID) {
	binary.BigEndian.PutUint64(s[:], n)
	return s
}

// t0 is when the traces of these tests begin.
const t0 = 1_000_000

func span(name string, n, parent uint64, start, end int64) store.Span {
	return store.Span{
		Name: name, SpanID: id(n), ParentID: id(parent), Kind: oteltrace.SpanKindInternal,
		Start: t0 + start, End: t0 + end,
	}
}

func kind(k oteltrace.SpanKind, s store.Span) store.Span {
	s.Kind = k
	return s
}

// draw writes a tree a row a line: indented name, start, gap, exec and self,
// then lane and marks where there are any.
func draw(t *Tree) string {
	var b strings.Builder
	for _, r := range t.Rows {
		name := "lost " + r.ID.String()[14:]
		if r.Span != nil {
			name = r.Span.Name
		}
		fmt.Fprintf(&b, "%s%s %d %d %d %d", strings.Repeat(". ", r.Depth), name, r.Start, r.Gap, r.Exec, r.Self)
		if r.Lanes > 1 {
			fmt.Fprintf(&b, " lane %d/%d", r.Lane, r.Lanes)
		}
		for i, mark := range []string{"async", "outlives", "early", "clock", "cut"} {
			if r.Marks.Has(1 << i) {
				b.WriteString(" " + mark)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestBuild(t *testing.T) {
	client, server := oteltrace.SpanKindClient, oteltrace.SpanKindServer
	producer, consumer := oteltrace.SpanKindProducer, oteltrace.SpanKindConsumer
	tests := []struct {
		name         string
		spans        []store.Span
		want         string
		lost, cycles int
	}{
		{name: "nothing"},
		{
			name: "gaps between children and before them",
			spans: []store.Span{
				span("second", 3, 1, 50, 80), span("root", 1, 0, 0, 100), span("first", 2, 1, 10, 40),
				span("touching", 4, 1, 80, 90),
			},
			want: `
root 0 0 100 30
. first 10 10 30 30
. second 50 10 30 30
. touching 80 0 10 10
`,
		},
		{
			name: "siblings at the same time get lanes and no negative gap",
			spans: []store.Span{
				span("root", 1, 0, 0, 100),
				span("a", 2, 1, 10, 60), span("b", 3, 1, 20, 30), span("c", 4, 1, 35, 50), span("d", 5, 1, 70, 90),
			},
			want: `
root 0 0 100 30
. a 10 10 50 50 lane 0/2
. b 20 20 10 10 lane 1/2
. c 35 5 15 15 lane 1/2
. d 70 10 20 20
`,
		},
		{
			name: "async work is shown under its parent and not in its time",
			spans: []store.Span{
				span("root", 1, 0, 0, 10), span("later", 2, 1, 50, 90), span("left running", 3, 1, 4, 40),
				span("of later", 4, 2, 60, 70),
			},
			want: `
root 0 0 10 10
. left running 4 4 36 36 outlives
. later 50 10 40 30 async
. . of later 60 10 10 10
`,
		},
		{
			name: "parents that have not come",
			spans: []store.Span{
				span("root", 1, 0, 0, 100), span("x", 11, 9, 20, 30), span("y", 12, 9, 40, 70), span("z", 13, 8, 5, 6),
			},
			want: `
root 0 0 100 100 lane 0/2
lost 08 5 5 1 0 lane 1/2
. z 5 0 1 1
lost 09 20 14 50 0 lane 1/2
. x 20 0 10 10
. y 40 10 30 30
`,
			lost: 2,
		},
		{
			name:  "two roots",
			spans: []store.Span{span("b", 2, 0, 30, 40), span("a", 1, 0, 0, 10)},
			want: `
a 0 0 10 10
b 30 20 10 10
`,
		},
		{
			name:  "its own parent",
			spans: []store.Span{span("self", 1, 1, 0, 10), span("child", 2, 1, 1, 2)},
			want: `
self 0 0 10 9 cut
. child 1 1 1 1
`,
			cycles: 1,
		},
		{
			name: "a circle is cut at its earliest span, what hangs on it stays",
			spans: []store.Span{
				span("b", 2, 1, 10, 20), span("c", 3, 2, 5, 20), span("a", 1, 3, 15, 20), span("leaf", 4, 1, 16, 17),
			},
			want: `
c 0 0 15 10 cut
. a 10 10 5 0
. . b 5 0 10 10 lane 0/2 early
. . leaf 11 1 1 1 lane 1/2
`,
			cycles: 1,
		},
		{
			name: "client and server with one id",
			spans: []store.Span{
				kind(server, span("server", 2, 1, 12, 18)), kind(client, span("client", 2, 1, 10, 20)),
				span("root", 1, 0, 0, 30), span("work", 3, 2, 13, 15),
			},
			want: `
root 0 0 30 20
. client 10 10 10 4
. . server 12 2 6 4
. . . work 13 1 2 2
`,
		},
		{
			name: "a server whose clock is ahead still counts as waited for",
			spans: []store.Span{
				kind(client, span("client", 1, 0, 0, 20)), kind(server, span("server", 2, 1, 5, 25)),
			},
			want: `
client 0 0 20 5
. server 5 5 20 20 outlives
`,
		},
		{
			name: "nobody waits for a message's consumer",
			spans: []store.Span{
				kind(producer, span("send", 1, 0, 0, 20)), kind(consumer, span("receive", 2, 1, 5, 10)),
			},
			want: `
send 0 0 20 20
. receive 5 5 5 5
`,
		},
		{
			name: "broken clocks",
			spans: []store.Span{
				span("root", 1, 0, 0, 10), span("backwards", 2, 1, 8, 3), span("before", 3, 1, 0, 2),
				{Name: "no times", SpanID: id(4), ParentID: id(1)},
				{Name: "no start", SpanID: id(5), ParentID: id(1), End: t0 + 9},
				{Name: "negative", SpanID: id(6), ParentID: id(1), Start: math.MinInt64, End: math.MinInt64},
			},
			want: `
root 0 0 10 8
. no times 0 0 0 0 clock
. negative 0 0 0 0 clock
. before 0 0 2 2
. backwards 8 6 0 0 clock
. no start 9 1 0 0 clock
`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Build(tt.spans)
			if diff := cmp.Diff(strings.TrimPrefix(tt.want, "\n"), draw(got)); diff != "" {
				t.Errorf("tree (-want +got):\n%s", diff)
			}
			if got.Lost != tt.lost || got.Cycles != tt.cycles {
				t.Errorf("%d lost, %d cycles, want %d, %d", got.Lost, got.Cycles, tt.lost, tt.cycles)
			}
		})
	}
}

func TestBuildWholeTimes(t *testing.T) {
	got := Build([]store.Span{span("b", 2, 1, 5, 90), span("a", 1, 0, 3, 10)})
	if got.Start != t0+3 || got.Work != 87 {
		t.Errorf("start %d, work %d, want %d, 87", got.Start, got.Work, t0+3)
	}
	far := Build([]store.Span{{SpanID: id(1), Start: 1, End: math.MaxInt64}})
	if far.Work != math.MaxInt64-1 || far.Rows[0].Exec != math.MaxInt64-1 {
		t.Errorf("work %d, exec %d, want the longest time there is", far.Work, far.Rows[0].Exec)
	}
}

// wide makes a root with n children in a row, deep a chain, circle a chain
// that bites its tail.
func wide(n uint64) []store.Span {
	spans := []store.Span{span("root", 1, 0, 0, int64(n)*10)}
	for i := range n {
		spans = append(spans, span("child", i+2, 1, int64(i)*10, int64(i)*10+13))
	}
	return spans
}

func deep(n uint64) (spans []store.Span) {
	for i := range n {
		spans = append(spans, span("deep", i+1, i, int64(i), int64(2*n-i)))
	}
	return spans
}

func circle(n uint64) []store.Span {
	spans := deep(n)
	spans[0].ParentID = id(n)
	return spans
}

func TestBuildLarge(t *testing.T) {
	const n = 100_000
	for name, tt := range map[string]struct {
		spans             []store.Span
		depth, lane, cuts int
	}{
		"wide":   {wide(n), 1, 1, 0},
		"deep":   {deep(n), n - 1, 0, 0},
		"circle": {circle(n), n - 1, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			got := Build(tt.spans)
			last := got.Rows[len(got.Rows)-1]
			if len(got.Rows) != len(tt.spans) || last.Depth != tt.depth || last.Lane != tt.lane || got.Cycles != tt.cuts {
				t.Errorf("%d rows, the last of depth %d in lane %d, %d cycles; want %d, %d, %d, %d",
					len(got.Rows), last.Depth, last.Lane, got.Cycles, len(tt.spans), tt.depth, tt.lane, tt.cuts)
			}
		})
	}
}

func BenchmarkBuild(b *testing.B) {
	for name, spans := range map[string][]store.Span{"wide50k": wide(50_000), "deep50k": deep(50_000), "small30": wide(30)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Build(spans)
			}
		})
	}
}
