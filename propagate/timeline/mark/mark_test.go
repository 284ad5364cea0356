package mark

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	traceID = [16]byte{0: 0xab, 15: 1}
	spanID  = [8]byte{0: 0xcd, 7: 2}
	parent  = [8]byte{7: 3}
)

func TestRoundTrip(t *testing.T) {
	for _, m := range []Mark{
		{Kind: Begin, Trace: traceID, Span: spanID, Parent: parent, Name: "GET /cart with spaces"},
		{Kind: Begin, Trace: traceID, Span: spanID},
		{Kind: End, Span: spanID},
		{Kind: Carry, Trace: traceID, Span: spanID},
		{Kind: Carry},
	} {
		got, ok := Parse(m.Text())
		if diff := cmp.Diff(m, got); diff != "" || !ok {
			t.Errorf("Parse(%q), %v: -want +got:\n%s", m.Text(), ok, diff)
		}
	}
}

func TestLongName(t *testing.T) {
	m := Mark{Kind: Begin, Trace: traceID, Span: spanID, Name: strings.Repeat("x", 3*MaxName)}
	if got, _ := Parse(m.Text()); len(got.Name) != MaxName {
		t.Errorf("the name has %d bytes, want %d", len(got.Name), MaxName)
	}
}

func TestForeign(t *testing.T) {
	for _, text := range []string{
		"", "b", "x", "hello", "e", "e00", "b00 name",
		"e" + strings.Repeat("0", 16), // no span has this id
		"c" + strings.Repeat("g", 48),
		"c" + strings.Repeat("1", 49),
		"e" + strings.Repeat("1", 15),
	} {
		if m, ok := Parse(text); ok {
			t.Errorf("Parse(%q) = %+v, want not ok", text, m)
		}
	}
}

// TestOff checks that nothing is written, or allocated, while nobody traces.
func TestOff(t *testing.T) {
	if On() {
		t.Skip("somebody traces")
	}
	m := Mark{Kind: Carry, Trace: traceID, Span: spanID}
	if n := testing.AllocsPerRun(100, m.Write); n != 0 {
		t.Errorf("%v allocations while nobody traces, want 0", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(Mark{Kind: Begin, Trace: traceID, Span: spanID, Parent: parent, Name: "a b"}.Text())
	f.Add(Mark{Kind: End, Span: spanID}.Text())
	f.Add(Mark{Kind: Carry}.Text())
	f.Fuzz(func(t *testing.T, text string) {
		m, ok := Parse(text)
		if !ok {
			return
		}
		if again, ok := Parse(m.Text()); !ok || len(m.Name) <= MaxName && again != m {
			t.Errorf("Parse(%q) = %+v, and again %+v, %v", text, m, again, ok)
		}
	})
}

func BenchmarkOff(b *testing.B) {
	b.ReportAllocs()
	m := Mark{Kind: Carry, Trace: traceID, Span: spanID}
	for b.Loop() {
		if On() {
			m.Write()
		}
	}
}
