package tracetcp

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func TestFraming(t *testing.T) {
	for name, tt := range map[string]struct {
		f    Framing
		wire string
	}{
		"binary":               {Framing{}, "\x00\x00\x00\x04body"},
		"two bytes":            {Framing{Bytes: 2}, "\x00\x04body"},
		"two bytes and itself": {Framing{Bytes: 2, Inclusive: true}, "\x00\x06body"},
		"digits":               {Framing{Digits: 4}, "0004body"},
		"digits and itself":    {Framing{Digits: 6, Inclusive: true}, "000010body"},
	} {
		b, err := tt.f.append(nil, []byte("body"))
		if err != nil || string(b) != tt.wire {
			t.Errorf("%s: wrote %q, %v; want %q", name, b, err, tt.wire)
		}
		got, err := tt.f.read(strings.NewReader(tt.wire))
		if err != nil || string(got) != "body" {
			t.Errorf("%s: read %q, %v", name, got, err)
		}
	}
}

func TestNotTelegrams(t *testing.T) {
	for name, tt := range map[string]struct {
		f    Framing
		wire string
		want string
	}{
		"too long":       {Framing{}, "\x7F\x00\x00\x00", "not a telegram: 2130706432 bytes announced, more than 1048576"},
		"no digits":      {Framing{Digits: 4}, "4x11", "not a telegram: the length is not made of 4 digits"},
		"a sign":         {Framing{Digits: 4}, "-001", "not a telegram: the length is not made of 4 digits"},
		"without itself": {Framing{Bytes: 2, Inclusive: true}, "\x00\x01", "not a telegram: the length 1 does not count itself"},
	} {
		if _, err := tt.f.read(strings.NewReader(tt.wire)); err == nil || err.Error() != tt.want || !errors.Is(err, ErrTelegram) {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
	for _, tt := range []struct {
		f    Framing
		n    int
		want string
	}{
		{Framing{Max: 3}, 4, "not a telegram: 4 bytes are more than 3"},
		{Framing{Digits: 2}, 100, "not a telegram: the length 100 has more than 2 digits"},
		{Framing{Bytes: 2}, 1 << 16, "not a telegram: the length 65536 does not fit in 2 bytes"},
	} {
		if _, err := tt.f.append(nil, make([]byte, tt.n)); err == nil || err.Error() != tt.want {
			t.Errorf("%+v: %v, want %s", tt.f, err, tt.want)
		}
	}
	if _, err := (Framing{}).read(strings.NewReader("\x00\x00\x00\x04bo")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut short: %v", err)
	}
	for _, f := range []Framing{{Digits: 11}, {Digits: -1}, {Bytes: 3}, {Max: -1}} {
		if _, err := New(Config{Framing: f}); err == nil || !strings.HasPrefix(err.Error(), "framing: ") {
			t.Errorf("%+v: %v", f, err)
		}
	}
}
