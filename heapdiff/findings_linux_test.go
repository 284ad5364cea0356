package heapdiff

import (
	"fmt"
	"regexp"
	"slices"
	"testing"

	"github.com/clewhq/clew/heapdiff/internal/jvmtest"
)

// zoo runs Zoo.java, and takes a snapshot after each of its steps.
func zoo(t *testing.T, steps int) []*Snapshot {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a JVM")
	}
	vm := jvmtest.Start(t, jvmtest.Options{Program: "Zoo", Flags: []string{"-XX:+UseSerialGC", "-Xmx128m"}})
	var all []*Snapshot
	for i := range steps {
		if i > 0 {
			vm.Say(t, "")
			vm.Hear(t, "up")
		}
		s, err := Snap(t.Context(), vm.PID, SnapOptions{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		s.Source = fmt.Sprintf("%d.hprof", i+1)
		all = append(all, s)
	}
	return all
}

// TestFindings: each way to waste memory is told of, with what it is and who
// holds it. The numbers are those of the program, but for what the JVM itself has.
func TestFindings(t *testing.T) {
	d, err := Diff(zoo(t, 3)...)
	if err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[string]string{
		"direct-buffers":        `direct buffers \(600, .*\) hold 6\.00 MB outside the heap; static Zoo\.POOL holds them; \+4\.00 MB since 1\.hprof`,
		"thread-locals":         `maps of thread locals, .*; Zoo\.WORKER has the most, 0\.9\d MB; \+0\.6\d MB`,
		"class-loaders":         `30 class loaders of class java\.net\.URLClassLoader, 20 more than in 1\.hprof`,
		"finalizers":            `6,0\d\d objects have a finalizer that has not run, [56],\d\d\d of them of class Zoo\$Slow`,
		"oversized-collections": `30\d arrays of class java\.util\.HashMap\$Node\[\] are at most a quarter full, .* hold nothing`,
		"duplicate-strings":     `most common are 9,00\d of \d+ bytes each`,
	} {
		match := regexp.MustCompile(kind + ": .*" + want)
		if !slices.ContainsFunc(d.Findings, func(f Finding) bool { return match.MatchString(f.Kind + ": " + f.Text) }) {
			t.Errorf("no finding of kind %s that says %s", kind, want)
		}
	}
	for _, holder := range []string{"Zoo.WORKER", "Zoo.NAMES", "Zoo.ROOMY"} {
		if !slices.ContainsFunc(d.Suspects, func(s Suspect) bool { return s.Holder == holder }) {
			t.Errorf("%s is not suspected", holder)
		}
	}
	if t.Failed() {
		for _, f := range d.Findings {
			t.Logf("%s: %s", f.Kind, f.Text)
		}
		for _, s := range d.Suspects {
			t.Logf("%.2f %s", s.Score, s.Reason)
		}
	}
}
