package docs

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// commandLimit is how long a command of the README may take on a busy machine.
const commandLimit = 5 * time.Minute

// TestReadmeCommands runs every command of the README. Where a command is
// followed by a block of text, each line of that is in its output, whatever the
// numbers.
func TestReadmeCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes; not in -short")
	}
	commands := 0
	for i, all := 0, blocks(read(t, "README.md")); i < len(all); i++ {
		if all[i].lang != "sh" {
			continue
		}
		var picture string
		if i+1 < len(all) && all[i+1].lang == "text" {
			picture = all[i+1].text
		}
		for line := range strings.Lines(all[i].text) {
			command, _, _ := strings.Cut(line, "#")
			if command = strings.TrimSpace(command); command == "" {
				continue
			}
			commands++
			t.Run(command, func(t *testing.T) {
				if target, ok := strings.CutPrefix(command, "make "); ok {
					checkTarget(t, target)
					return
				}
				checkPicture(t, picture, runCommand(t, command))
			})
		}
	}
	if commands == 0 {
		t.Error("the README has no commands")
	}
}

func runCommand(t *testing.T, command string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), commandLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-eu", "-o", "pipefail", "-c", command)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "NO_COLOR=1", "GOBIN="+t.TempDir())
	var talk strings.Builder
	cmd.Stderr = &talk
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, &talk)
	}
	return string(out)
}

// checkTarget stands in for running make: the test may itself be part of the
// target, and would never end. CI runs make check; so what a target does, and
// CI thereby runs, is known when all its steps are steps of check.
func checkTarget(t *testing.T, target string) {
	t.Helper()
	if !strings.Contains(read(t, ".ci/run"), "\nmake setup check\n") {
		t.Fatal(".ci/run does not call make setup check")
	}
	check := output(t.Context(), t, "make", "--no-print-directory", "-n", "setup", "check")
	for step := range strings.Lines(output(t.Context(), t, "make", "--no-print-directory", "-n", target)) {
		if !strings.Contains(check, step) {
			t.Errorf("make %s has a step that make check, and so CI, does not run: %s", target, step)
		}
	}
}

var (
	number = regexp.MustCompile(`[0-9]+([.,][0-9]+)*`)
	blank  = regexp.MustCompile(`[ \t]+`)
)

// shape is a line without what differs from run to run.
func shape(line string) string {
	return strings.TrimSpace(blank.ReplaceAllString(number.ReplaceAllString(line, "0"), " "))
}

func checkPicture(t *testing.T, picture, out string) {
	t.Helper()
	var shapes []string
	for line := range strings.Lines(out) {
		shapes = append(shapes, shape(line))
	}
	for line := range strings.Lines(picture) {
		if s := shape(line); s != "" && s != "…" && !slices.Contains(shapes, s) {
			t.Errorf("the README shows %q, which is not in the output:\n%s", strings.TrimSpace(line), out)
			return
		}
	}
}

// TestReadmeCode checks that the Go code in the README is code that is compiled:
// a run of lines of a file in examples.
func TestReadmeCode(t *testing.T) {
	var code strings.Builder
	files, err := filepath.Glob(filepath.Join(root, "examples", "*", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		code.Write(b)
	}
	found := 0
	for _, b := range blocks(read(t, "README.md")) {
		if b.lang != "go" {
			continue
		}
		found++
		if !strings.Contains(code.String(), b.text) {
			t.Errorf("this code of the README is in no file of examples:\n%s", b.text)
		}
	}
	if found == 0 {
		t.Error("the README shows no code")
	}
}

// TestProgramsAreDocumented checks that every program has its page and its place
// in the README.
func TestProgramsAreDocumented(t *testing.T) {
	dirs, err := os.ReadDir(filepath.Join(root, "cmd"))
	if err != nil {
		t.Fatal(err)
	}
	readme := read(t, "README.md")
	for _, d := range dirs {
		if page := "docs/cli/" + d.Name() + ".md"; !strings.Contains(readme, page) {
			t.Errorf("the README does not lead to %s", page)
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)#]+)(#[^)]*)?\)`)

var pageURL = regexp.MustCompile(`github\.com/clewhq/clew/blob/main/([a-zA-Z0-9/_.-]+)`)

// TestLinksInCode checks that the pages to which programs send their users are there.
func TestLinksInCode(t *testing.T) {
	for f := range strings.FieldsSeq(output(t.Context(), t, "git", "ls-files", "*.go")) {
		for _, m := range pageURL.FindAllStringSubmatch(read(t, f), -1) {
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(m[1]))); err != nil {
				t.Errorf("%s sends its reader to %s: %v", f, m[1], err)
			}
		}
	}
}

// TestLinks checks that every link from one page to a file of the module leads
// somewhere.
func TestLinks(t *testing.T) {
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		if filepath.Ext(path) != ".md" {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range link.FindAllStringSubmatch(string(b), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), filepath.FromSlash(m[1]))); err != nil {
				t.Errorf("%s links to %s: %v", path, m[1], err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
