package hsperf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// counters is a file with two collectors and something else. The second collector
// was last entered at the given time, and left at 500.
func counters(order binary.ByteOrder, entered uint64) []byte {
	b := make([]byte, headerSize)
	binary.BigEndian.PutUint32(b, magic)
	if order == binary.LittleEndian {
		b[4] = 1
	}
	b[5] = 2
	n := 0
	add := func(name string, kind byte, data []byte) {
		n++
		e := make([]byte, entrySize)
		e = append(append(e, name...), 0)
		for len(e)%8 != 0 {
			e = append(e, 0)
		}
		order.PutUint32(e[4:], entrySize)
		order.PutUint32(e[16:], uint32(len(e)))
		if kind == 'B' {
			order.PutUint32(e[8:], uint32(len(data)))
		}
		e[12] = kind
		e = append(e, data...)
		order.PutUint32(e, uint32(len(e)))
		b = append(b, e...)
	}
	long := func(v uint64) []byte {
		d := make([]byte, 8)
		order.PutUint64(d, v)
		return d
	}
	add("sun.gc.collector.0.invocations", 'J', long(7))
	add("sun.gc.collector.0.name", 'B', []byte("G1 young\x00\x00"))
	add("java.property.secret", 'B', []byte("geheim\x00"))
	add("sun.gc.collector.1.invocations", 'J', long(2))
	for i, times := range [][2]uint64{{100, 200}, {entered, 500}} {
		add(fmt.Sprintf("sun.gc.collector.%d.lastEntryTime", i), 'J', long(times[0]))
		add(fmt.Sprintf("sun.gc.collector.%d.lastExitTime", i), 'J', long(times[1]))
	}
	order.PutUint32(b[24:], headerSize)
	order.PutUint32(b[28:], uint32(n))
	return b
}

func TestCollections(t *testing.T) {
	want := map[string]int64{"0 G1 young": 7, "1": 2}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		got, err := Collections(counters(order, 400))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%v (-want +got):\n%s", order, d)
		}
	}
	whole := counters(binary.LittleEndian, 400)
	for n := range len(whole) {
		if _, err := Collections(whole[:n]); err == nil {
			t.Errorf("cut at %d of %d is taken for whole", n, len(whole))
		}
	}
	old := slices.Clone(whole)
	old[5] = 1
	if _, err := Collections(old); err == nil || !strings.Contains(err.Error(), "version 1") {
		t.Errorf("version 1: %v", err)
	}
}

func TestFile(t *testing.T) {
	root := t.TempDir()
	if _, err := File(root, 5); !errors.Is(err, ErrNoCounters) {
		t.Errorf("none: %v", err)
	}
	for i, user := range []string{"old", "new"} {
		dir := filepath.Join(root, "tmp", "hsperfdata_"+user)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "5")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Unix(int64(1000+i), 0)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := File(root, 5); err != nil || filepath.Base(filepath.Dir(got)) != "hsperfdata_new" {
		t.Errorf("got %s, %v; want the newer one", got, err)
	}
}

func FuzzCollections(f *testing.F) {
	f.Add(counters(binary.LittleEndian, 400))
	f.Add(counters(binary.BigEndian, 400))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := Collections(b); err == nil && len(got) > len(b) {
			t.Error("more counters than bytes")
		}
	})
}

func TestIdle(t *testing.T) {
	for entered, want := range map[uint64]bool{400: true, 500: true, 600: false} {
		idle, ended, err := Idle(counters(binary.LittleEndian, entered))
		if err != nil || idle != want || ended != 500 {
			t.Errorf("entered at %d: idle %t, ended at %d, %v", entered, idle, ended, err)
		}
	}
	if _, _, err := Idle(nil); err == nil {
		t.Error("an empty file says that a collector is idle")
	}
}
