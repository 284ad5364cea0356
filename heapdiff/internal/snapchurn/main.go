// Snapchurn takes snapshots of JVMs that allocate without a pause, with every
// collector that each JDK has, and counts how many are accepted and whether one
// of these is wrong:
//
//	go run ./heapdiff/internal/snapchurn -n 20 /usr/lib/jvm/*/bin/java
//
// A snapshot that is accepted is wrong when an object lies outside of the regions
// of the map that was kept with it, when 20,000 objects that grew old before the
// churn began are not all found, live, and where they belong, or when an array
// that is humongous to G1 counts as young. A snapshot that
// is refused, because collections left no time for one, is not wrong.
package main

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/clewhq/clew/heapdiff"
)

//go:embed Churn.java
var churn []byte

// anchors are the objects that Churn.java keeps from its beginning.
const anchors = 20_000

// collectors are the flags that choose one. A JDK that lacks it does not start.
// Epsilon is not among them: it would fill the memory.
var collectors = []string{
	"-XX:+UseSerialGC",
	"-XX:+UseParallelGC",
	"-XX:+UseConcMarkSweepGC",
	"-XX:+UseG1GC",
	"-XX:+UseG1GC -XX:+UseCompactObjectHeaders",
	"-XX:+UseZGC",
	"-XX:+UseZGC -XX:+ZGenerational",
	"-XX:+UseShenandoahGC",
	"-XX:+UseShenandoahGC -XX:ShenandoahGCMode=generational",
}

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2) //nolint:forbidigo // a tool of the developers, not a program of ours
	}
}

func run(ctx context.Context) error {
	n := flag.Int("n", 20, "snapshots of each JVM")
	only := flag.String("only", "", "only flags with this text")
	hard := flag.Bool("hard", false, "collect several times a second")
	classes := flag.String("classes", "", "directory with the compiled Churn.java, for a JVM without a compiler")
	flag.Parse()
	dir, err := os.MkdirTemp("", "snapchurn-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // nobody misses it
	source := filepath.Join(dir, "Churn.java")
	if err := os.WriteFile(source, churn, 0o600); err != nil {
		return err
	}
	program := []string{source}
	if *classes != "" {
		program = []string{"-cp", *classes, "Churn"}
	}
	if *hard {
		program = append(program, "hard")
	}
	wrong := 0
	var seen []string
	for _, java := range flag.Args() {
		real, err := filepath.EvalSymlinks(java)
		if err != nil {
			return err
		}
		if slices.Contains(seen, real) {
			continue
		}
		seen = append(seen, real)
		for _, flags := range collectors {
			if !strings.Contains(flags, *only) {
				continue
			}
			s, err := measure(ctx, real, flags, program, dir, *n)
			if err != nil {
				return err
			}
			if s != nil {
				fmt.Fprintf(os.Stdout, "%s %s\n    %s\n", real, flags, s)
				wrong += len(s.wrong)
			}
		}
	}
	if wrong > 0 {
		return fmt.Errorf("%d snapshots were accepted wrongly", wrong)
	}
	return nil
}

// score is the outcome for one JVM.
type score struct {
	exact, unknown, refused int
	wrong                   []string
	failed                  map[string]int // errors other than a refusal
	said                    map[string]int // warnings
}

func (s *score) String() string {
	first := fmt.Sprintf("%d exact, %d without generations, %d refused, %d wrong", s.exact, s.unknown, s.refused, len(s.wrong))
	lines := []string{first}
	for _, w := range s.wrong {
		lines = append(lines, "wrong: "+w)
	}
	for err, n := range s.failed {
		lines = append(lines, fmt.Sprintf("%d failed: %s", n, err))
	}
	for warning, n := range s.said {
		lines = append(lines, fmt.Sprintf("%d warned: %s", n, warning))
	}
	return strings.Join(lines, "\n    ")
}

// measure takes n snapshots of one JVM; nil when it does not know the flags.
func measure(ctx context.Context, java, flags string, program []string, dir string, n int) (*score, error) {
	args := append(strings.Fields("-Xmx512m -XX:+UnlockExperimentalVMOptions "+flags), program...)
	cmd := exec.CommandContext(ctx, java, args...)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "up" { // warnings come before
	}
	if lines.Text() != "up" {
		_ = errors.Join(in.Close(), cmd.Wait())
		return nil, nil // it does not know the flags
	}
	s := &score{failed: map[string]int{}, said: map[string]int{}}
	for range n {
		s.take(ctx, cmd.Process.Pid, filepath.Join(dir, "x.hprof"))
	}
	return s, errors.Join(in.Close(), cmd.Wait())
}

// take takes one snapshot and checks it.
func (s *score) take(ctx context.Context, pid int, keep string) {
	taken, err := heapdiff.Snap(ctx, pid, heapdiff.SnapOptions{Keep: keep, Dir: filepath.Dir(keep), Options: heapdiff.Options{Shallow: true}})
	switch {
	case errors.Is(err, heapdiff.ErrInconsistent):
		s.refused++
		return
	case err != nil:
		s.failed[strings.ReplaceAll(err.Error(), fmt.Sprint(pid), "PID")]++
		return
	}
	for _, w := range taken.Warnings {
		s.said[w]++
	}
	// The kept files are read anew, all their references too.
	snapshot, err := heapdiff.Read(ctx, keep, heapdiff.Options{Maps: maps(keep)})
	if err != nil {
		s.wrong = append(s.wrong, err.Error())
		return
	}
	if w := fault(snapshot); w != "" {
		s.wrong = append(s.wrong, w)
		return
	}
	if snapshot.Generations == heapdiff.GenerationsExact {
		s.exact++
	} else {
		s.unknown++
	}
}

func maps(keep string) []string {
	if _, err := os.Stat(heapdiff.MapBeside(keep)); err != nil {
		return nil
	}
	return []string{heapdiff.MapBeside(keep)}
}

// fault says what is wrong with the objects that are known of a snapshot; empty if
// nothing is.
func fault(s *heapdiff.Snapshot) string {
	found := false
	for i := range s.Classes {
		c := &s.Classes[i]
		switch {
		case c.Name == "Churn$Giant[]" && c.Old != nil && s.Collector == "G1" && c.Young.Instances() > 0:
			return fmt.Sprintf("%d humongous arrays are young", c.Young.Instances())
		case c.Name == "Churn$Anchor":
			if w := anchorFault(s, c); w != "" {
				return w
			}
			found = true
		}
	}
	if !found {
		return "no anchors"
	}
	return ""
}

func anchorFault(s *heapdiff.Snapshot, c *heapdiff.Class) string {
	switch {
	case c.Instances != anchors:
		return fmt.Sprintf("%d anchors", c.Instances)
	case c.Old == nil:
	case s.Collector == "Shenandoah": // an object grows old with the cycles it survives, not by a full collection
		if c.Old.Live+c.Young.Live != anchors {
			return fmt.Sprintf("live are %d old anchors and %d young ones", c.Old.Live, c.Young.Live)
		}
	case c.Old.Live != anchors:
		return fmt.Sprintf("of the anchors are old and live %d, old and dead %d, young %d", c.Old.Live, c.Old.Dead, c.Young.Instances())
	}
	return ""
}
