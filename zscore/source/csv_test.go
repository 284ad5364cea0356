package source

import (
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCSV(t *testing.T) {
	const in = "\ufeffhost, Timestamp, value\r\n" +
		"a,2026-11-22T09:00:00+09:00,1.5\n" +
		"a,2026-11-22 00:00:15.25, 2 \n" +
		"a,2026-11-22T00:00:30,\n" +
		"a,2026-11-22 00:00:45,NaN\n" +
		"a,yesterday,3\n" +
		"a,2026-11-22 00:01:15,many\n" +
		"a,2026-11-22 00:01:30\n" +
		"a,2026-11-22 00:01:45,\"4\n\"\n" +
		"a,2026-11-22 00:02:00,null\r\n"
	nine := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	want := []struct {
		at    time.Duration
		value float64
		err   string
	}{
		{at: 0, value: 1.5},
		{at: 15250 * time.Millisecond, value: 2},
		{at: 30 * time.Second, value: math.NaN()},
		{at: 45 * time.Second, value: math.NaN()},
		{err: `line 6: timestamp "yesterday": want one like`},
		{err: `line 7: value "many" is not a number`},
		{err: "line 8: wrong number of fields"},
		{at: 105 * time.Second, value: 4},
		{at: 120 * time.Second, value: math.NaN()},
	}
	i := 0
	for p, err := range CSV(strings.NewReader(in)) {
		if i == len(want) {
			t.Fatalf("a point too many: %+v", p)
		}
		w := want[i]
		i++
		switch {
		case w.err != "":
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || !strings.HasPrefix(err.Error(), w.err) {
				t.Errorf("point %d: err = %v, want %q", i, err, w.err)
			}
		case err != nil:
			t.Errorf("point %d: %v", i, err)
		case !p.Time.Equal(nine.Add(w.at)) || p.Value != w.value && !(math.IsNaN(p.Value) && math.IsNaN(w.value)):
			t.Errorf("point %d is %v at %v, want %v at +%v", i, p.Value, p.Time, w.value, w.at)
		}
	}
	if i != len(want) {
		t.Errorf("%d points, want %d", i, len(want))
	}
}

func TestCSVHeader(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"empty", "", "line 1: no header"},
		{"other columns", "time,v\n1,2\n", `line 1: the header is "time,v"`},
		{"no header", "2026-11-22 00:00:00,1\n", "must name the columns"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := 0
			for _, err := range CSV(strings.NewReader(tt.in)) {
				if n++; err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("err = %v, want %q", err, tt.want)
				}
			}
			if n != 1 {
				t.Errorf("%d points, want the one error", n)
			}
		})
	}
}

func TestCSVReaderFails(t *testing.T) {
	in := io.MultiReader(strings.NewReader("timestamp,value\n2026-11-22 00:00:00,1\n"), iotest.ErrReader(io.ErrClosedPipe))
	var last error
	n := 0
	for _, err := range CSV(in) {
		n, last = n+1, err
	}
	if n != 2 || !errors.Is(last, io.ErrClosedPipe) {
		t.Errorf("%d points, the last with %v; want 2 and the reader's error", n, last)
	}
}

func FuzzCSV(f *testing.F) {
	f.Add("timestamp,value\n2026-11-22 00:00:00,1\n")
	f.Add("value,timestamp\n1,2026-11-22T00:00:00Z\n\"\n")
	f.Add("timestamp,value\n,\n,,\n")
	f.Fuzz(func(t *testing.T, in string) {
		lines := strings.Count(in, "\n") + 1
		n := 0
		for p, err := range CSV(strings.NewReader(in)) {
			if n++; n > lines+1 {
				t.Fatalf("more points than lines in %q", in)
			}
			var syntax *SyntaxError
			switch {
			case err == nil:
				if p.Time.IsZero() && !strings.HasPrefix(p.TimeText, "0001-01-01") {
					t.Errorf("no time for %q", p.TimeText)
				}
			case !errors.As(err, &syntax) || syntax.Line < 1 || syntax.Line > lines:
				t.Errorf("err = %#v of %d lines", err, lines)
			}
		}
	})
}
