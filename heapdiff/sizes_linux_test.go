package heapdiff

import (
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clewhq/clew/heapdiff/internal/attach"
	"github.com/clewhq/clew/heapdiff/internal/histogram"
	"github.com/clewhq/clew/heapdiff/internal/jvmtest"
)

// TestSizes compares the shallow sizes of all classes with those that the JVM
// itself gives.
func TestSizes(t *testing.T) {
	if testing.Short() {
		t.Skip("starts JVMs")
	}
	for _, flags := range []string{"-XX:+UseSerialGC", "-XX:+UseParallelGC -XX:ObjectAlignmentInBytes=32"} {
		t.Run(flags, func(t *testing.T) {
			pid := jvmtest.Start(t, jvmtest.Options{Flags: strings.Fields(flags)}).PID
			dir := t.TempDir()
			want := histogramOf(t, pid)
			s, err := Snap(t.Context(), pid, SnapOptions{Dir: dir, Keep: filepath.Join(dir, "x.hprof"), Options: Options{Shallow: true}})
			if err != nil {
				t.Fatal(err)
			}
			equal := 0
			var other []string
			for i := range s.Classes {
				c := &s.Classes[i]
				w, ok := want[c.Name]
				switch {
				case !ok || w.Instances != c.Instances: // the JVM goes on working
				case w.Bytes == c.ShallowBytes:
					equal++
				default:
					other = append(other, c.Name)
				}
			}
			// Of java.lang.Class, the system's threads and pools the docs say why.
			if equal < 200 || len(other) > 5 {
				t.Errorf("%d classes have the JVM's size, others are %q", equal, other)
			}
		})
	}
}

// histogramOf asks the JVM for its classes, garbage too.
func histogramOf(t *testing.T, pid int) map[string]histogram.Row {
	t.Helper()
	vm, err := attach.Open(t.Context(), pid)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := vm.Jcmd(t.Context(), "GC.class_histogram -all")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Close() }() // read only
	text, err := io.ReadAll(answer)
	if err != nil {
		t.Fatal(err)
	}
	h, err := histogram.Parse(text)
	if err != nil || !h.Whole {
		t.Fatalf("the histogram: %+v, %v", h, err)
	}
	rows := map[string]histogram.Row{}
	for _, r := range h.Rows {
		rows[r.Class] = r
	}
	return rows
}
