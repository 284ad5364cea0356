package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A module is a program of somebody's in a directory of its own.
type module struct {
	t    *testing.T
	dir  string
	tool string // the propagatevet to use on it
}

// shop copies testdata/shop, which loses its context in every way the analyzers
// know, and makes it use this checkout of ours.
func shop(t *testing.T) *module {
	t.Helper()
	repo, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	m := &module{t: t, dir: t.TempDir(), tool: filepath.Join(t.TempDir(), "propagatevet")}
	if err := os.CopyFS(m.dir, os.DirFS("testdata/shop")); err != nil {
		t.Fatal(err)
	}
	sum, err := os.ReadFile(filepath.Join(repo, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(m.dir, "go.sum"), sum, 0o644); err != nil {
		t.Fatal(err)
	}
	m.run(0, "go", "mod", "edit", "-replace=github.com/clewhq/clew="+repo)
	build := exec.Command("go", "build", "-o", m.tool, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the tool: %v\n%s", err, out)
	}
	return m
}

// run runs a command in the module and demands its exit status.
func (m *module) run(status int, name string, args ...string) (stdout, stderr string) {
	m.t.Helper()
	cmd := exec.CommandContext(m.t.Context(), name, args...)
	cmd.Dir = m.dir
	// Offline: whatever the module needs, this one needs too.
	cmd.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=-mod=mod", "GOWORK=off")
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		m.t.Fatalf("%s: %v", name, err)
	}
	if got := cmd.ProcessState.ExitCode(); got != status {
		m.t.Fatalf("%s %s: exit status %d, want %d\n%s%s", name, strings.Join(args, " "), got, status, &out, &errs)
	}
	return out.String(), errs.String()
}

// shopFindings are what is to be found in testdata/shop, and nothing else.
var shopFindings = []string{
	`main\.go:22:13: span is never ended`,
	`main\.go:26:9: goroutine drops ctx: it starts over from context\.Background\(\)`,
	`main\.go:29:2: time\.AfterFunc runs its function without ctx`,
	`main\.go:31:13: function is sent without ctx`,
	`main\.go:33:11: function is handed to a worker without ctx`,
	`main\.go:35:11: pprof\.Do on context\.Background\(\) wipes out the labels of ctx`,
}

func checkFindings(t *testing.T, how, output string) {
	t.Helper()
	for _, want := range shopFindings {
		if !regexp.MustCompile(want).MatchString(output) {
			t.Errorf("%s: no finding matches %q in\n%s", how, want, output)
		}
	}
	if got := regexp.MustCompile(`(?m)\.go:\d+:\d+: `).FindAllString(output, -1); len(got) != len(shopFindings) {
		t.Errorf("%s: %d findings, want %d:\n%s", how, len(got), len(shopFindings), output)
	}
}

// TestVet runs the tool on a module as go vet does and by itself, mends the module
// and checks that it compiles, prints what it printed, and has no findings left.
func TestVet(t *testing.T) {
	m := shop(t)
	before, _ := m.run(0, "go", "run", ".")
	if want := "audited [audit timer queue pool]\n"; before != want {
		t.Fatalf("the module prints %q, want %q", before, want)
	}

	_, alone := m.run(3, m.tool, "./...")
	checkFindings(t, "by itself", alone)
	_, byVet := m.run(1, "go", "vet", "-vettool="+m.tool, "./...")
	checkFindings(t, "by go vet", byVet)
	if out, _ := m.run(0, m.tool, "-json", "./..."); !strings.Contains(out, `"suggested_fixes"`) || !strings.Contains(out, `"lostpool"`) {
		t.Errorf("-json has no suggested fixes:\n%s", out)
	}
	if _, one := m.run(3, m.tool, "-spanleak", "./..."); strings.Count(one, ".go:") != 1 {
		t.Errorf("-spanleak alone reports more than the span:\n%s", one)
	}

	m.run(0, m.tool, "-fix", "./...")
	if after, _ := m.run(0, "go", "run", "."); after != before {
		t.Errorf("mended, the module prints %q, before %q", after, before)
	}
	m.run(0, m.tool, "./...")
	m.run(0, "go", "vet", "-vettool="+m.tool, "./...")
	src, err := os.ReadFile(filepath.Join(m.dir, "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"defer span.End()",
		`audit(context.WithoutCancel(ctx), "audit")`,
		`AfterFunc(time.Millisecond, propagate.Bind(func()`,
		`p.tasks <- propagate.Bind(func()`,
		`p.Submit(propagate.Bind(func()`,
		`pprof.Do(ctx, `,
		`go audit(context.Background(), "deliberate")`,
	} {
		if !strings.Contains(string(src), want) {
			t.Errorf("mended, main.go lacks %q:\n%s", want, src)
		}
	}
}
