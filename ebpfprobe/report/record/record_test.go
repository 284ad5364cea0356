package record_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/clewhq/clew/ebpfprobe/report"
	"github.com/clewhq/clew/ebpfprobe/report/record"
	"github.com/clewhq/clew/ebpfprobe/report/reporttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var header = record.Header{Program: "redisprobe test", Start: reporttest.Start, Every: time.Second}

// recording is of n seconds; frames are the offsets where its frames begin.
func recording(t testing.TB, n int) (text []byte, frames []int) {
	t.Helper()
	var b bytes.Buffer
	w, err := record.NewWriter(&b, header)
	if err != nil {
		t.Fatal(err)
	}
	frames = []int{bytes.IndexByte(b.Bytes(), '\n') + 1}
	var before *report.Report
	for i := 1; i <= n; i++ {
		frames = append(frames, b.Len())
		now := reporttest.At(i)
		if err := w.Write(now.Since(before)); err != nil {
			t.Fatal(err)
		}
		before = now
	}
	frames = append(frames, b.Len())
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), frames
}

// read sums the intervals of a recording up to the first error.
func read(text []byte) (*report.Report, int, error) {
	r, err := record.NewReader(bytes.NewReader(text))
	if err != nil {
		return nil, 0, err
	}
	var sum report.Report
	for n := 0; ; n++ {
		part, err := r.Next()
		if err != nil {
			return &sum, n, err
		}
		sum.Append(part)
	}
}

func TestRoundTrip(t *testing.T) {
	text, _ := recording(t, 9)
	r, err := record.NewReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(header, r.Header()); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	got, n, err := read(text)
	if !errors.Is(err, io.EOF) || n != 9 {
		t.Fatalf("%d intervals, then %v", n, err)
	}
	if diff := cmp.Diff(reporttest.Over(9), got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

// TestCutOff cuts a recording at every byte: all whole intervals before are read,
// and the error names the place.
func TestCutOff(t *testing.T) {
	text, frames := recording(t, 3)
	for cut := range len(text) {
		whole := -1 // intervals
		at := 0
		for i, from := range frames {
			if from <= cut {
				whole, at = i-1, from
			}
		}
		_, n, err := read(text[:cut])
		var damage *record.DamageError
		switch {
		case cut == 0:
			if !errors.Is(err, record.ErrNotRecording) {
				t.Errorf("an empty file: %v", err)
			}
		case !errors.As(err, &damage) || !damage.Truncated:
			t.Errorf("cut at %d: %v, want a DamageError that is Truncated", cut, err)
		case n != max(0, whole) || damage.Offset != int64(at):
			t.Errorf("cut at %d: %d intervals, damage at %d; want %d and %d", cut, n, damage.Offset, max(0, whole), at)
		}
	}
}

// TestFlips changes every byte: never a wrong report, never silence.
func TestFlips(t *testing.T) {
	text, frames := recording(t, 3)
	for i := range text {
		bad := bytes.Clone(text)
		bad[i] ^= 0x41
		_, n, err := read(bad)
		if errors.Is(err, io.EOF) {
			t.Fatalf("byte %d changed, and nobody has noticed", i)
		}
		before := 0 // whole intervals before the changed byte
		for k := 1; k < len(frames)-1; k++ {
			if frames[k+1] <= i {
				before = k
			}
		}
		if i >= frames[0] && n != before {
			t.Errorf("byte %d changed: %d intervals were read, want %d (%v)", i, n, before, err)
		}
	}
}

func TestErrors(t *testing.T) {
	text, frames := recording(t, 1)
	oversize := bytes.Clone(text)
	binary.LittleEndian.PutUint32(oversize[frames[1]:], 1<<31)
	missing := append(bytes.Clone(text[:frames[1]]), text[frames[2]:]...)
	tests := []struct{ name, text, want string }{
		{"another file", "PNG\r\n\x1a\nsomething", `not a recording of redisprobe: it begins with "PNG\r\n"`},
		{"later version", "redisprobe recording 7\n", "the recording is of version 7, and this program reads up to 1: read it with the redisprobe that wrote it, or a newer one"},
		{"no header", string(append(text[:frames[0]:frames[0]], text[frames[1]:]...)), `frame 1 at offset 23: it should be the header, and is of kind 'I'`},
		{"length", string(oversize), "its length of 2147483648 bytes cannot be true"},
		{"interval missing", string(missing), "1 intervals were written, and 0 are here"},
		{"more behind the end", string(text) + "x", "something follows the end of the recording"},
		{"no zstd", string(text[:frames[1]]) + frame('I', "plain"), "decompress: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := read([]byte(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}

// TestUnknownKind checks that a frame of a later version is skipped.
func TestUnknownKind(t *testing.T) {
	text, frames := recording(t, 2)
	at := frames[2]
	with := append(bytes.Clone(text[:at]), append([]byte(frame('Z', "something new")), text[at:]...)...)
	if _, n, err := read(with); n != 2 || !errors.Is(err, io.EOF) {
		t.Errorf("%d intervals, then %v", n, err)
	}
}

// frame makes a frame as the format's description says.
func frame(kind byte, payload string) string {
	body := append([]byte{kind}, payload...)
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(payload)))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
	return string(b) + string(body)
}

// fullDisk takes so many bytes.
type fullDisk struct{ room int }

var errFull = errors.New("no space left on device")

func (f *fullDisk) Write(b []byte) (int, error) {
	if len(b) > f.room {
		n := f.room
		f.room = 0
		return n, errFull
	}
	f.room -= len(b)
	return len(b), nil
}

func TestFullDisk(t *testing.T) {
	if _, err := record.NewWriter(&fullDisk{10}, header); !errors.Is(err, errFull) {
		t.Errorf("the beginning on a full disk: %v", err)
	}
	w, err := record.NewWriter(&fullDisk{300}, header)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.Write(reporttest.At(3)); !errors.Is(err, errFull) {
			t.Errorf("an interval on a full disk: %v", err)
		}
	}
	if err := w.Close(); !errors.Is(err, errFull) {
		t.Errorf("the end on a full disk: %v", err)
	}
}

func FuzzReader(f *testing.F) {
	text, frames := recording(f, 2)
	f.Add(text)
	f.Add(text[:frames[2]])
	f.Add(text[:frames[2]+5])
	f.Add([]byte("redisprobe recording 1\n" + frame('H', "{}") + frame('I', "{}") + frame('E', `{"intervals":1}`)))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, n, err := read(text)
		if err == nil {
			t.Fatal("a reader that never ends")
		}
		if n > 0 {
			if err := report.Text(io.Discard, r, report.Options{}); err != nil {
				t.Error(err)
			}
		}
	})
}
