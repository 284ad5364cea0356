package spool

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// written makes a closed spool of n records in one segment and returns its path.
func written(t *testing.T, dir string, n int) string {
	t.Helper()
	w := mustOpen(t, dir, Options{})
	mustAppend(t, w, numbered(0, n)...)
	mustClose(t, w)
	all, err := segments(dir)
	if err != nil || len(all) != 1 {
		t.Fatalf("%d segments, %v", len(all), err)
	}
	return segmentPath(dir, all[0].number)
}

func TestTornTail(t *testing.T) {
	whole, err := os.ReadFile(written(t, t.TempDir(), 3))
	if err != nil {
		t.Fatal(err)
	}
	frame := frameHead + len("record 0")
	// Cut anywhere: in the head, in a record, in the mark at the end.
	for size := range whole {
		dir := t.TempDir()
		path := segmentPath(dir, 1)
		if err := os.WriteFile(path, whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		w := mustOpen(t, dir, Options{})
		mustAppend(t, w, "next")
		mustClose(t, w)
		kept := min(3, max(0, (size-segmentHead)/frame))
		want := append(numbered(0, kept), "next")
		if diff := cmp.Diff(want, readAll(t, newReader(t, dir, Cursor{}))); diff != "" {
			t.Errorf("cut at %d (-want +got):\n%s", size, diff)
		}
	}
}

func TestDamagedRecordIsPassedOverAndCounted(t *testing.T) {
	dir := t.TempDir()
	path := written(t, dir, 20)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	third := segmentHead + 3*(frameHead+len("record 0"))
	want := append(numbered(0, 3), numbered(4, 20)...)
	for at := third; at < third+frameHead+len("record 3"); at++ {
		b := bytes.Clone(whole)
		b[at] ^= 0x40
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		r := newReader(t, dir, Cursor{})
		if diff := cmp.Diff(want, readAll(t, r)); diff != "" {
			t.Fatalf("byte %d changed (-want +got):\n%s", at, diff)
		}
		if lost := r.Cursor().Lost; lost != 1 {
			t.Errorf("byte %d changed: %d lost, want 1", at, lost)
		}
	}
}

func TestNewerFormatIsRefused(t *testing.T) {
	dir := t.TempDir()
	b := head{}.append(nil)
	copy(b, "clewspl2")
	if err := os.WriteFile(segmentPath(dir, 1), b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "a newer clew") {
		t.Errorf("Open: %v", err)
	}
	if _, err := NewReader(dir, Cursor{}).Next(); err == nil || !strings.Contains(err.Error(), "a newer clew") {
		t.Errorf("Next: %v", err)
	}
}

// victimVar makes this test's binary a program that appends until it is killed.
const victimVar = "CLEW_SPOOL_VICTIM"

func victim(dir string) {
	w, err := Open(dir, Options{SegmentBytes: 64 << 10})
	for i := 0; err == nil; i++ {
		if err = w.Append(fmt.Appendf(nil, "record %d %s", i, strings.Repeat("v", i%300))); err != nil && w.Stats().Lost() > 0 {
			err = nil
		}
		if i%100 == 99 {
			fmt.Fprintln(os.Stdout, i+1)
		}
	}
	fmt.Fprintln(os.Stderr, err)
}

func TestKilledWriter(t *testing.T) {
	dir := t.TempDir()
	r := newReader(t, dir, Cursor{})
	var read, counted uint64
	for round := range 5 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), victimVar+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		said := uint64(0)
		for lines.Scan() {
			if said, err = strconv.ParseUint(lines.Text(), 10, 64); err != nil {
				t.Fatal(err)
			}
			if said >= uint64(2000*(round+1)) {
				break
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
		_, next, ok := readState(dir)
		if !ok || next < said {
			t.Fatalf("round %d: the state says %d, the program had appended %d", round, next, said)
		}
		counted += next
		w := mustOpen(t, dir, Options{})
		if rec := w.Stats().Recovered; !rec.Unclean {
			t.Errorf("round %d: recovered %+v, want that it was not closed", round, rec)
		}
		mustClose(t, w)
		read += uint64(len(readAll(t, r)))
		if got := read + r.Cursor().Lost; got != counted {
			t.Errorf("round %d: %d read and %d lost, together %d; %d were appended", round, read, r.Cursor().Lost, got, counted)
		}
	}
	if read == 0 {
		t.Error("nothing was read")
	}
}

func FuzzScanner(f *testing.F) {
	frames := appendFrame(nil, 0, []byte("first"))
	frames = appendFrame(frames, 1, []byte("second"))
	frames = appendFrame(frames, 2, nil)
	seal(frames)
	f.Add(frames, 0, byte(0))
	f.Add(frames, 9, byte(0x80))
	f.Add([]byte{}, 0, byte(0))
	f.Add(bytes.Repeat([]byte{0xff}, 100), 50, byte(1))
	f.Fuzz(func(t *testing.T, b []byte, at int, change byte) {
		if at >= 0 && at < len(b) {
			b[at] ^= change
		}
		s := scanner{f: bytes.NewReader(b), final: true}
		last, began := uint64(0), time.Now()
		for n := 0; ; n++ {
			seq, data, err := s.scan()
			if err != nil {
				break
			}
			if seq < last || s.offset > int64(len(b)) || len(data) > len(b) {
				t.Fatalf("record %d after %d, offset %d of %d", seq, last, s.offset, len(b))
			}
			last = seq
			if n > len(b) {
				t.Fatalf("no end after %v", time.Since(began))
			}
		}
	})
}

// A Writer that was killed before anything of it reached a file has lost all it had.
func TestKilledBeforeTheFirstWrite(t *testing.T) {
	for name, before := range map[string]int{"new spool": 0, "old spool": 2} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if before > 0 {
				written(t, dir, before)
			}
			s, err := newState(dir, 4711)
			if err != nil {
				t.Fatal(err)
			}
			s.next.Store(7)
			if err := s.close(); err != nil {
				t.Fatal(err)
			}
			w := mustOpen(t, dir, Options{})
			if got := w.Stats().Recovered; got != (Recovered{Unclean: true, Lost: 7}) {
				t.Errorf("recovered %+v, want 7 lost", got)
			}
			mustAppend(t, w, "next")
			mustClose(t, w)
			r := newReader(t, dir, Cursor{})
			if got := readAll(t, r); len(got) != before+1 || r.Cursor().Lost != 7 {
				t.Errorf("%d read and %d lost, want %d and 7", len(got), r.Cursor().Lost, before+1)
			}
		})
	}
}
