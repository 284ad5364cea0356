package heapdiff

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/clewhq/clew/internal/hproftest"
)

// fixed is what a reader may take whatever the input: buffers, and the smallest
// tables.
const fixed = 1 << 20

// TestHostileInput reads inputs in which one number after the other is as large as
// it can be. None may take more than twice the memory of the whole input, beside
// what every input takes.
func TestHostileInput(t *testing.T) {
	var goProfile bytes.Buffer
	if err := pprof.Lookup("heap").WriteTo(&goProfile, 0); err != nil {
		t.Fatal(err)
	}
	var histogram, text strings.Builder
	histogram.WriteString(" num     #instances         #bytes  class name\n---\n")
	text.WriteString("heap profile: 1: 1 [2: 2] @ heap/2\n")
	for i := range 200 {
		fmt.Fprintf(&histogram, "%d: %d %d shop.Order%d\n", i+1, i+1, 100*i+100, i)
		fmt.Fprintf(&text, "%d: %d [%d: %d] @ %#x %#x\n", i, 8*i, i, 8*i, 0x1000+i, 0x2000)
	}
	summary := write(t, "a.hds", nil)
	f, err := os.Create(summary)
	if err != nil {
		t.Fatal(err)
	}
	dump := hproftest.Leak("1.0.2", 8, 200)
	err = WriteSummary(f, mustRead(t, write(t, "a.hprof", dump), Options{}))
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	packed, err2 := os.ReadFile(summary)
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	for name, whole := range map[string][]byte{
		"hprof": dump, "hprof 1.0.1": hproftest.Leak("1.0.1", 4, 200), "histogram": []byte(histogram.String()),
		"text profile": []byte(text.String()), "profile": goProfile.Bytes(), "summary": packed,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x")
			due := taken(t, path, whole)
			worst, at := uint64(0), 0
			for p := 0; p+8 <= len(whole); p += max(1, len(whole)/40) {
				for _, huge := range [][]byte{
					{0xff, 0xff, 0xff, 0xff}, {0x7f, 0xff, 0xff, 0xff}, binary.BigEndian.AppendUint64(nil, 1<<40), []byte("99999999"), // of an id, a length, a count
				} {
					hostile := bytes.Clone(whole)
					copy(hostile[p:], huge)
					if n := taken(t, path, hostile); n > worst {
						worst, at = n, p
					}
				}
			}
			if worst > 2*due+fixed {
				t.Errorf("changed at %d, %d bytes take %d of memory; unchanged %d", at, len(whole), worst, due)
			}
		})
	}
}

// taken is how much memory it takes in all to read data; a reader needs less at a
// time.
func taken(t *testing.T, path string, data []byte) uint64 {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _ = Read(context.Background(), path, Options{Partial: true, Workers: 1}) // damaged or not, it comes back
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
