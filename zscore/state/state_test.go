package state

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/clewhq/clew/zscore/alert"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func reopen(t *testing.T, dir string) *DB {
	t.Helper()
	db, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// reopenForTest closes it when the test ends.
func reopenForTest(t *testing.T, dir string) *DB {
	t.Helper()
	db := reopen(t, dir)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestCommitAndLoad(t *testing.T) {
	dir := t.TempDir()
	db := reopen(t, dir)
	at := time.Unix(1764000000, 0).UTC()
	match, err := alert.ParseMatchers(`rule="rps"`)
	if err != nil {
		t.Fatal(err)
	}
	want := alert.State{
		Incidents: []*alert.Incident{{ID: "a", Rule: "rps", Start: at, Fired: at, Told: at, Value: 5}},
		Silences:  []*alert.Silence{{ID: "s", Match: match, From: at, To: at.Add(time.Hour)}},
		Outbox:    []*alert.Entry{{Seq: 9, Receiver: "slack", Created: at, Due: at, Open: true, Notices: []alert.Notice{{Kind: alert.Note, At: at, Text: "x"}}}},
		Holds:     map[string]alert.Hold{"slack": {Until: at, Broken: true, Why: "410"}},
		NextSeq:   10,
	}
	change := alert.Change{
		Incidents: map[string]*alert.Incident{"a": want.Incidents[0], "b": {ID: "b"}}, Silences: map[string]*alert.Silence{"s": want.Silences[0]},
		Outbox: map[uint64]*alert.Entry{9: want.Outbox[0]}, Holds: map[string]*alert.Hold{"slack": {Until: at, Broken: true, Why: "410"}}, NextSeq: 10,
	}
	for _, c := range []alert.Change{change, {Incidents: map[string]*alert.Incident{"b": nil}, NextSeq: 10}} {
		if err := db.Commit(c); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(db.KeepReceipt("k", "v"), db.Close()); err != nil {
		t.Fatal(err)
	}
	db = reopenForTest(t, dir)
	got, err := db.Load()
	if err != nil {
		t.Fatal(err)
	}
	texts := cmp.Transformer("text", alert.Matchers.String)
	if diff := cmp.Diff(want, got, texts); diff != "" {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
	if got := db.Receipt("k"); got != "v" || db.Receipt("none") != "" {
		t.Errorf("receipts: %q", got)
	}
}

func TestSecondDaemon(t *testing.T) {
	dir := t.TempDir()
	reopenForTest(t, dir)
	if _, err := Open(dir); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Errorf("a second one: %v, want ErrInUse and the path", err)
	}
}

// TestRoomSetAside writes many changes; the file does not grow for them.
func TestRoomSetAside(t *testing.T) {
	dir := t.TempDir()
	db := reopenForTest(t, dir)
	size := func() int64 {
		info, err := os.Stat(filepath.Join(dir, fileName))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	before := size()
	for k := range 500 {
		e := &alert.Entry{Seq: uint64(k), Notices: []alert.Notice{{Kind: alert.Note, Text: strings.Repeat("x", 1000)}}}
		if err := db.Commit(alert.Change{Outbox: map[uint64]*alert.Entry{e.Seq: e}}); err != nil {
			t.Fatal(err)
		}
	}
	if after := size(); after != before || before < ballastBytes {
		t.Errorf("the file grew from %d to %d bytes for 500 messages", before, after)
	}
}

func TestDamagedDatabase(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, fileName), bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("a file that is no database: %v", err)
	}
}

func write(t *testing.T, path string, names ...string) {
	t.Helper()
	err := WriteSnapshot(path, func(add func(string, []byte) error) error {
		for _, name := range names {
			if err := add(name, bytes.Repeat([]byte(name), 100)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func read(path string) (names []string, err error) {
	err = ReadSnapshot(path, func(name string, data []byte) {
		if bytes.Equal(data, bytes.Repeat([]byte(name), 100)) {
			names = append(names, name)
		}
	})
	return names, err
}

func TestSnapshot(t *testing.T) {
	path := SnapshotPath(t.TempDir(), "0")
	if names, err := read(path); err != nil || names != nil {
		t.Errorf("a missing snapshot: %v, %v", names, err)
	}
	write(t, path, "a", "b", "c")
	if names, err := read(path); err != nil || !cmp.Equal(names, []string{"a", "b", "c"}) {
		t.Errorf("read: %v, %v", names, err)
	}
	boom := errors.New("boom")
	err := WriteSnapshot(path, func(add func(string, []byte) error) error { return errors.Join(add("x", nil), boom) })
	if names, _ := read(path); !errors.Is(err, boom) || len(names) != 3 {
		t.Errorf("after a snapshot that failed, %v: %v, want the one before", err, names)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// One changed bit costs one record; a cut costs what comes after it.
	for name, c := range map[string]struct {
		spoil func(b []byte) []byte
		want  int
	}{
		"a bit in the second record": {func(b []byte) []byte { b[200] ^= 1; return b }, 2},
		"a cut":                      {func(b []byte) []byte { return b[:250] }, 2},
		"another file":               {func([]byte) []byte { return []byte("hello") }, 0},
		"no end":                     {func(b []byte) []byte { return b[:len(b)-12] }, 3},
	} {
		if err := os.WriteFile(path, c.spoil(bytes.Clone(whole)), 0o600); err != nil {
			t.Fatal(err)
		}
		if names, err := read(path); !errors.Is(err, ErrDamaged) || len(names) != c.want {
			t.Errorf("%s: %v, %v; want %d records and ErrDamaged", name, names, err, c.want)
		}
	}
}

func FuzzSnapshot(f *testing.F) {
	f.Add([]byte(magic))
	f.Add([]byte(fmt.Sprintf("%s\x00\x00\x00\x01\x00\x00\x00\x01ab\x00\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x01", magic)))
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		if err := readRecords(bytes.NewReader(b), func(string, []byte) { n++ }); err == nil && n*recordExtra > len(b) {
			t.Errorf("%d records in %d bytes", n, len(b))
		}
	})
}
