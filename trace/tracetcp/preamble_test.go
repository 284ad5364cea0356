package tracetcp

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func reader(s string) *bufio.Reader { return bufio.NewReader(strings.NewReader(s)) }

func TestPreamble(t *testing.T) {
	fields := Fields{"Traceparent": traceparent, "tracestate": "a=b", "baggage": "k=v", "bad\n": "x", "control": "a\r\nb", "korean": "한글"}
	b := AppendPreamble([]byte("before"), fields)
	r := reader(string(b[len("before"):]) + "0004body")
	got, err := ReadPreamble(r, MaxPreamble)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Fields{"traceparent": traceparent, "tracestate": "a=b", "baggage": "k=v"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if rest, _ := io.ReadAll(r); string(rest) != "0004body" {
		t.Errorf("then comes %q", rest)
	}
	if b := AppendPreamble(nil, Fields{"control": "\n"}); len(b) != 0 {
		t.Errorf("a preamble without fields: %q", b)
	}
}

// TestGolden: the form of docs/preamble.md, byte by byte. Others have implemented it.
func TestGolden(t *testing.T) {
	const want = "\xFECTX\x01\x00\x00\x0E" + "\x02b3\x00\x010" + "\x03x-y\x00\x02ab"
	if got := AppendPreamble(nil, Fields{"x-y": "ab", "b3": "0"}); string(got) != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// TestWhatFits: the trace goes before baggage, and too much of it goes nowhere.
func TestWhatFits(t *testing.T) {
	b := AppendPreamble(nil, Fields{"baggage": strings.Repeat("b", MaxPreamble-100), "a": strings.Repeat("a", 100), "traceparent": traceparent})
	got, err := ReadPreamble(bufio.NewReader(bytes.NewReader(b)), MaxPreamble)
	if err != nil || got["traceparent"] == "" || got["a"] == "" || got["baggage"] != "" {
		t.Errorf("%d fields, %v", len(got), err)
	}
}

func TestUnusablePreambles(t *testing.T) {
	for name, tt := range map[string]struct{ in, want, rest string }{
		"another version": {"\xFECTX\x02\x00\x00\x03abcrest", "unusable trace preamble: version 2, not 1 at byte 4", "rest"},
		"too long":        {"\xFECTX\x01\x00\x00\xC9" + strings.Repeat("x", 0xC9) + "rest", "unusable trace preamble: 201 bytes of fields, more than 200 at byte 6", "rest"},
		"name cut short":  {"\xFECTX\x01\x00\x00\x02\x09brest", "unusable trace preamble: a field that is cut short at byte 8", "rest"},
		"value cut short": {"\xFECTX\x01\x00\x00\x05\x01b\x00\x09crest", "unusable trace preamble: a field that is cut short at byte 8", "rest"},
		"no name":         {"\xFECTX\x01\x00\x00\x03\x00\x00\x00rest", "unusable trace preamble: a field's name that is none at byte 8", "rest"},
		"capitals":        {"\xFECTX\x01\x00\x00\x04\x01B\x00\x00rest", "unusable trace preamble: a field's name that is none at byte 8", "rest"},
		"twice":           {"\xFECTX\x01\x00\x00\x08\x01b\x00\x00\x01b\x00\x00rest", "unusable trace preamble: a field that has been before at byte 12", "rest"},
		"control":         {"\xFECTX\x01\x00\x00\x05\x01b\x00\x01\nrest", "unusable trace preamble: a value with a control character or beyond ASCII at byte 8", "rest"},
		"many":            {"\xFECTX\x01\x00\x00\xA5" + many() + "rest", "unusable trace preamble: more than 32 fields", "rest"},
	} {
		r := reader(tt.in)
		fields, err := ReadPreamble(r, 200)
		if fields != nil || !errors.Is(err, ErrPreamble) || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: %v, %v; want %s", name, fields, err, tt.want)
		}
		if rest, _ := io.ReadAll(r); string(rest) != tt.rest {
			t.Errorf("%s: then comes %q, want %q", name, rest, tt.rest)
		}
	}
}

// many is 33 fields of 5 bytes.
func many() string {
	var b strings.Builder
	for i := range 33 {
		b.WriteString("\x02" + string(rune('a'+i/8)) + string(rune('a'+i%8)) + "\x00\x00")
	}
	return b.String()
}

// TestNoPreamble: what is none is left to be read, however much it looks like one at first.
func TestNoPreamble(t *testing.T) {
	for _, in := range []string{"", "0004body", "\xFE", "\xFEC", "\xFECTY", "\x00\x00\x00\x04body"} {
		r := reader(in)
		fields, err := ReadPreamble(r, MaxPreamble)
		if rest, _ := io.ReadAll(r); fields != nil || string(rest) != in || err != nil && !errors.Is(err, io.EOF) {
			t.Errorf("%q: %v, %v, then %q", in, fields, err, rest)
		}
	}
	for _, in := range []string{"\xFECTX", "\xFECTX\x01\x00\x00\x05", "\xFECTX\x09\x00\x00\x05"} {
		if _, err := ReadPreamble(reader(in), MaxPreamble); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

// FuzzReadPreamble: whatever a stranger sends, what is read can be written, and is the same again.
func FuzzReadPreamble(f *testing.F) {
	f.Add([]byte("\xFECTX\x01\x00\x00\x0E\x02b3\x00\x010\x03x-y\x00\x02ab"))
	f.Add(AppendPreamble(nil, Fields{"traceparent": traceparent, "baggage": "a=b"}))
	f.Add([]byte("\xFECTX\x02\x00\xFF\xFF"))
	f.Add([]byte("0004body"))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bufio.NewReader(bytes.NewReader(in))
		fields, err := ReadPreamble(r, MaxPreamble)
		if err != nil && fields != nil {
			t.Errorf("fields %v with an error %v", fields, err)
		}
		if len(fields) == 0 {
			return
		}
		again, err := ReadPreamble(bufio.NewReader(bytes.NewReader(AppendPreamble(nil, fields))), MaxPreamble)
		if err != nil || !cmp.Equal(fields, again) {
			t.Errorf("%v became %v, %v", fields, again, err)
		}
	})
}
