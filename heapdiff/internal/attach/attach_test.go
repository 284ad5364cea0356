package attach

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestExchange(t *testing.T) {
	const request = "1\x00jcmd\x00GC.heap_info\x00\x00\x00"
	tests := []struct {
		name, answer string
		want         string
		wantErr      string
		wantCode     int
	}{
		{name: "done", answer: "0\n garbage-first heap", want: " garbage-first heap"},
		{name: "done with nothing to say", answer: "0\n", want: ""},
		{name: "refused", answer: "1\njava.lang.IllegalArgumentException: Unknown diagnostic command\n", wantErr: "jcmd GC.heap_info: the JVM answers 1: java.lang.IllegalArgumentException: Unknown diagnostic command", wantCode: 1},
		{name: "refused at length", answer: "101\n" + strings.Repeat("x", 1<<20), wantErr: strings.Repeat("x", maxMessage), wantCode: 101},
		{name: "closed at once", answer: "", wantErr: "unexpected EOF"},
		{name: "closed within the status", answer: "0", wantErr: "unexpected EOF"},
		{name: "not a JVM", answer: "HTTP/1.1 400 Bad Request\r\n", wantErr: `it begins with "HTTP/1.1 400 Bad", not with a status`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			us, jvm := net.Pipe()
			go func() {
				defer jvm.Close()
				got := make([]byte, len(request))
				if _, err := io.ReadFull(jvm, got); err != nil || string(got) != request {
					t.Errorf("the JVM is sent %q (%v), want %q", got, err, request)
					return
				}
				_, _ = io.WriteString(jvm, tt.answer) // cut short where the reader has had enough
			}()
			r, err := exchange(us, "GC.heap_info")
			if tt.wantErr != "" {
				us.Close()
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) || len(err.Error()) > maxMessage+200 {
					t.Fatalf("err = %v, want one with %q", err, tt.wantErr)
				}
				var refused *CommandError
				if errors.As(err, &refused) != (tt.wantCode != 0) || refused != nil && refused.Code != tt.wantCode {
					t.Fatalf("err = %#v, want code %d", err, tt.wantCode)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil || string(got) != tt.want {
				t.Errorf("answer %q (%v), want %q", got, err, tt.want)
			}
		})
	}
}

func TestJcmdRefusesZeroByte(t *testing.T) {
	v := &VM{pid: 1}
	if _, err := v.Jcmd(t.Context(), "a\x00b"); err == nil || !strings.Contains(err.Error(), "zero byte") {
		t.Errorf("err = %v, want it to name the zero byte", err)
	}
}

func FuzzExchange(f *testing.F) {
	f.Add("0\nheap")
	f.Add("1\nno")
	f.Add("")
	f.Fuzz(func(t *testing.T, answer string) {
		r, err := exchange(struct {
			io.Reader
			io.Writer
		}{bufio.NewReader(strings.NewReader(answer)), io.Discard}, "x")
		if (err == nil) != strings.HasPrefix(answer, "0\n") && !zeroStatus(answer) {
			t.Errorf("exchange(%q) = %v, %v", answer, r, err)
		}
	})
}

// zeroStatus is true of the other spellings of 0 that strconv reads, such as -0.
func zeroStatus(answer string) bool {
	line, _, ok := strings.Cut(answer, "\n")
	return (ok || len(answer) >= 16) && strings.Trim(line[:min(len(line), 16)], "+-0") == ""
}
