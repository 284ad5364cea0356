package resp

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clewhq/clew/internal/peertest"
)

func TestReader(t *testing.T) {
	long := strings.Repeat("x", 40_000)
	tests := []struct {
		name  string
		from  State
		reads []string
		want  []Request
		state State
	}{
		{"array", 0, []string{"*2\r\n$3\r\nget\r\n$3\r\nkey\r\n"}, []Request{{"GET", 2, []byte("key")}}, AtRequest},
		{"two in a read", 0, []string{"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n"}, []Request{{"PING", 1, nil}, {"PING", 1, nil}}, AtRequest},
		{"header cut", 0, []string{"*", "2\r", "\n$", "3", "\r\nGE", "T\r", "\n$3\r\nk", "ey\r", "\n"}, []Request{{"GET", 2, []byte("key")}}, AtRequest},
		{
			"long value", 0,
			[]string{"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$40000\r\n" + long[:100], long[100:], "\r\n*1\r\n$4\r\nPING\r\n"},
			[]Request{{"SET", 3, []byte("k")}, {"PING", 1, nil}},
			AtRequest,
		},
		{"a request within a value", 0, []string{"*2\r\n$4\r\nECHO\r\n$14\r\n*1\r\n$4\r\nPING\r\n\r\n"}, []Request{{"ECHO", 2, []byte("*1\r\n$4\r\nPING\r\n")}}, AtRequest},
		{"inline", 0, []string{" set k v\r\nPI", "NG\n\r\n", "get k\n"}, []Request{{"SET", 0, nil}, {"PING", 0, nil}, {"GET", 0, nil}}, AtRequest},
		{"empty arrays", 0, []string{"*0\r\n*-1\r\n*1\r\n$4\r\nPING\r\n"}, []Request{{"PING", 1, nil}}, AtRequest},
		{"long name", 0, []string{"*1\r\n$30\r\nabcdefghijklmnopqrstuvwxyz0123\r\n"}, []Request{{"ABCDEFGHIJKLMNOPQRSTUVWX", 1, nil}}, AtRequest},
		{"unfinished", 0, []string{"*2\r\n$3\r\nGET\r\n"}, nil, InBulks},
		{"no bulk string", 0, []string{"*1\r\n:1\r\n*1\r\n$4\r\nPING\r\n", "*1\r\n$4\r\nPING\r\n"}, []Request{{"PING", 1, nil}}, AtRequest},
		{"too many arguments", 0, []string{"*9999999\r\n"}, nil, Adrift},
		{"no number", 0, []string{"*x\r\n"}, nil, Adrift},
		{"mid-stream", Adrift, []string{"lue\r\n*1\r\n$4\r\nPING\r\n", "*1\r\n$4\r\nPING\r\n"}, []Request{{"PING", 1, nil}}, AtRequest},
		{"text in mid-stream", Adrift, []string{"PING\r\n"}, nil, Adrift},
		{"TLS", 0, []string{"\x16\x03\x01\x02\x00"}, nil, TLS},
		{"TLS in mid-stream", Adrift, []string{"\x17\x03\x03\x02\x00"}, nil, TLS},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := Reader{State: test.from}
			var got []Request
			for _, p := range test.reads {
				r.Read([]byte(p), func(q Request) { got = append(got, q) })
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			if r.State != test.state {
				t.Errorf("state %d, want %d", r.State, test.state)
			}
		})
	}
}

// twin is the kernel's reader, compiled for user space.
type twin struct {
	in  io.Writer
	out *bufio.Scanner
}

// startTwin compiles and starts the reader in C. It ends with the test.
func startTwin(t testing.TB) *twin {
	t.Helper()
	cc := peertest.Need(t, "cc")
	bin := filepath.Join(t.TempDir(), "reader")
	if out, err := exec.Command(cc, "-O2", "-fno-strict-aliasing", "-Wall", "-Wextra", "-Wno-unused-function", "-Werror",
		"-I../bpf", "-o", bin, "testdata/reader.c").CombinedOutput(); err != nil {
		t.Fatalf("compile: %v: %s", err, out)
	}
	cmd := exec.Command(bin)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // it may have ended already; Wait tells
		if err := cmd.Wait(); err != nil {
			t.Errorf("the reader in C: %v", err)
		}
	})
	return &twin{in, bufio.NewScanner(out)}
}

// read has the twin read a connection and returns what it said of it.
func (w *twin) read(t testing.TB, from State, reads [][]byte) []string {
	t.Helper()
	begin := uint32(0xfffffffe)
	if from == Adrift {
		begin = 0xffffffff
	}
	buf := binary.LittleEndian.AppendUint32(nil, begin)
	for _, p := range reads {
		buf = append(binary.LittleEndian.AppendUint32(buf, uint32(len(p))), p...)
	}
	buf = binary.LittleEndian.AppendUint32(buf, 0xfffffffe)
	written := make(chan error, 1)
	go func() {
		_, err := w.in.Write(buf)
		written <- err
	}()
	var lines []string
	for ends := 0; ends < 2; {
		if !w.out.Scan() {
			t.Fatalf("the reader in C has ended: %v", w.out.Err())
		}
		line := w.out.Text()
		if strings.HasPrefix(line, "end ") {
			ends++
		}
		if ends == 1 && strings.HasPrefix(line, "end ") {
			lines = nil // of the connection before
			continue
		}
		lines = append(lines, line)
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	return lines
}

// modelOf returns what the Reader says of a connection, in the twin's words.
func modelOf(from State, reads [][]byte) []string {
	r := Reader{State: from}
	var lines []string
	for _, p := range reads {
		if r.State == TLS {
			break
		}
		r.Read(p, func(q Request) {
			var name [MaxName]byte
			copy(name[:], q.Name)
			first := "-"
			if q.First != nil {
				first = fmt.Sprintf("%x", q.First)
			}
			lines = append(lines, fmt.Sprintf("%016x%016x%016x %d %s", binary.LittleEndian.Uint64(name[:]),
				binary.LittleEndian.Uint64(name[8:]), binary.LittleEndian.Uint64(name[16:]), q.Args, first))
		})
	}
	return append(lines, fmt.Sprintf("end %d %d", r.State, r.Resyncs))
}

// FuzzReader checks that the reader in C and the one in Go say the same of the same
// bytes, cut in the same way.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{
		"*2\r\n$3\r\nget\r\n$3\r\nkey\r\n*1\r\n$4\r\nPING\r\n",
		"PING\r\n set k v\n\r\n*1\r\n$4\r\nPING\r\n", "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$20\r\n*1\r\n$4\r\nPING\r\nabcdef\r\nGET k\r\n",
		"*0\r\n*-1\r\n$", "*1\r\n$-1\r\n", "*1\r\n$0\r\n\r\n", "*2\r\n$4\r\nEVAL\r\n$50\r\n" + strings.Repeat("y", 52) + "PING\r\n",
		"*12345678901\r\n", "*1\r\n$99999999999\r\n", "\x16\x03\x01", "lue\r\n*1\r\n$4\r\nPING\r\n", "*-\r\n", "*1\r\r$4\r\nPING\r\n",
		"averyveryverylongnameofacommand x\r\n", "*2\r\n$30\r\n" + strings.Repeat("z", 32) + "$3\r\nabc\r\n",
	} {
		for _, cuts := range []string{"", "\x01\x01\x01\x01\x01\x01", "\x03\x05\x09\x02"} {
			f.Add([]byte(seed), []byte(cuts), false)
			f.Add([]byte(seed), []byte(cuts), true)
		}
	}
	w := startTwin(f)
	f.Fuzz(func(t *testing.T, stream, cuts []byte, adrift bool) {
		var reads [][]byte
		for _, n := range cuts {
			n := min(int(n), len(stream))
			if n > 0 {
				reads = append(reads, stream[:n])
				stream = stream[n:]
			}
		}
		if len(stream) > 0 {
			reads = append(reads, stream)
		}
		from := AtRequest
		if adrift {
			from = Adrift
		}
		if diff := cmp.Diff(modelOf(from, reads), w.read(t, from, reads)); diff != "" {
			t.Errorf("%q (-Go +C):\n%s", reads, diff)
		}
	})
}

// TestReadersAgree holds the two readers to one another over streams longer than
// the kernel's chunks, cut at every length.
func TestReadersAgree(t *testing.T) {
	w := startTwin(t)
	var stream []byte
	for _, n := range []int{0, 1, 39, 40, 41, 15_990, 16_000, 16_001, 40_000} {
		stream = fmt.Appendf(stream, "*3\r\n$3\r\nset\r\n$%d\r\n%s\r\n$2\r\nab\r\nPING\r\n", n, strings.Repeat("v", n))
	}
	for _, size := range []int{1, 2, 3, 7, 13, 55, 57, 1000, 15_999, 16_000, 16_001, 16_384, 60_000} {
		var reads [][]byte
		for rest := stream; len(rest) > 0; rest = rest[min(size, len(rest)):] {
			reads = append(reads, rest[:min(size, len(rest))])
		}
		want := modelOf(AtRequest, reads)
		if len(want) != 19 {
			t.Fatalf("pieces of %d: the reader in Go finds %d requests, want 18", size, len(want)-1)
		}
		if diff := cmp.Diff(want, w.read(t, AtRequest, reads)); diff != "" {
			t.Errorf("pieces of %d (-Go +C):\n%s", size, diff)
		}
	}
}

func TestText(t *testing.T) {
	tests := []struct{ name, raw, want string }{
		{"plain", "*3\r\n$3\r\nset\r\n$1\r\nk\r\n$5\r\nvalue\r\n", "SET k value"},
		{"quoted", "*2\r\n$4\r\nECHO\r\n$4\r\na\n\"b\r\n", `ECHO "a\n\"b"`},
		{"cut", "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$500\r\nval", "SET k val …"},
		{"a password", "*3\r\n$4\r\nAUTH\r\n$4\r\nuser\r\n$6\r\nsecret\r\n", "AUTH ? ?"},
		{"inline", "get  key\r\n", "GET key"},
		{"an inline password", "auth secret\r\n", "AUTH ?"},
		{"nothing", "", ""},
		{"garbage", "*9\r\nabc", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := Text([]byte(test.raw)); got != test.want {
				t.Errorf("Text(%q) = %q, want %q", test.raw, got, test.want)
			}
		})
	}
}
