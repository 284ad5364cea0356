package docs

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "github.com/clewhq/clew/"

// TestImports checks the table of imports in architecture.md against the code. A
// row is a room: a program, a feature or a package below them, with whatever is
// inside it.
func TestImports(t *testing.T) {
	arrows := map[string][]string{}
	list := output(t.Context(), t, "go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
	for line := range strings.Lines(list) {
		fields := strings.Fields(line)
		from := room(fields[0])
		if from == "`docs`" {
			continue
		}
		arrows[from] = append(arrows[from], "")
		for _, path := range fields[1:] {
			if to := room(path); strings.HasPrefix(path, module) && to != from {
				arrows[from] = append(arrows[from], to)
			}
		}
	}
	var b strings.Builder
	b.WriteString("| room | stands on |\n|---|---|\n")
	for _, from := range slices.Sorted(maps.Keys(arrows)) {
		slices.Sort(arrows[from])
		to := slices.Compact(arrows[from])[1:] // without the "" that made the room known
		fmt.Fprintf(&b, "| %s | %s |\n", from, strings.Join(to, ", "))
	}
	checkSection(t, "imports", b.String())
}

// room returns the room that a package of the module is in.
func room(path string) string {
	parts := strings.Split(strings.TrimPrefix(path, module), "/")
	n := 1
	if len(parts) > 1 && slices.Contains([]string{"cmd", "examples", "internal"}, parts[0]) {
		n = 2
	}
	return "`" + strings.Join(parts[:n], "/") + "`"
}

// libraries are the packages that a service links, with what they may bring
// along from outside the standard library and this module.
var libraries = []struct {
	name  string
	allow *regexp.Regexp
}{
	// The OTel API, and what the API itself needs: no SDK, no exporter.
	{"propagate", regexp.MustCompile(otelAPI)},
	{"trace", regexp.MustCompile(otelAPI)},
}

const otelAPI = `^(go\.opentelemetry\.io/otel(/(attribute|baggage|codes|internal|metric|propagation|semconv|trace)\b.*)?` +
	`|go\.opentelemetry\.io/auto/sdk(/internal/telemetry)?` + // the API's own hook for eBPF auto-instrumentation
	`|github\.com/(go-logr/(logr|stdr)|cespare/xxhash)\b.*)$`

// TestImportWeight checks that what services link stays light, and the table of
// its weight in architecture.md.
func TestImportWeight(t *testing.T) {
	var b strings.Builder
	b.WriteString("| library | packages from outside | modules they come from |\n|---|---|---|\n")
	for _, lib := range libraries {
		list := output(t.Context(), t, "go", "list", "-deps", "-f",
			`{{if not .Standard}}{{.ImportPath}} {{.Module.Path}}{{end}}`, "./"+lib.name)
		packages, modules := 0, []string{}
		for line := range strings.Lines(list) {
			path, from, ok := strings.Cut(strings.TrimSpace(line), " ")
			if !ok || strings.HasPrefix(path, module) {
				continue
			}
			if !lib.allow.MatchString(path) {
				t.Errorf("%s links %s", lib.name, path)
			}
			packages++
			if !slices.Contains(modules, from) {
				modules = append(modules, from)
			}
		}
		slices.Sort(modules)
		fmt.Fprintf(&b, "| `%s` | %d | %s |\n", lib.name, packages, strings.Join(modules, ", "))
	}
	checkSection(t, "weight", b.String())
}

// checkSection compares the part of architecture.md between the markers of name
// with want; with -update it writes it.
func checkSection(t *testing.T, name, want string) {
	t.Helper()
	page := read(t, "docs/architecture.md")
	begin, end := "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->\n"
	head, rest, ok := strings.Cut(page, begin)
	got, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("architecture.md lacks the lines %q and %q", begin, end)
	}
	if *update {
		if err := os.WriteFile(filepath.Join(root, "docs", "architecture.md"), []byte(head+begin+want+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the %s in architecture.md are not the code's; make generate rewrites them (-code +page):\n%s", name, diff)
	}
}
