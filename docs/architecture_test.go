package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "github.com/clewhq/clew/"

// TestImports checks the table of imports in architecture.md against the code.
func TestImports(t *testing.T) {
	var b strings.Builder
	b.WriteString("| package | stands on |\n|---|---|\n")
	list := output(t.Context(), t, "go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
	for line := range strings.Lines(list) {
		var ours []string
		fields := strings.Fields(line)
		for _, path := range fields[1:] {
			if rest, ok := strings.CutPrefix(path, module); ok {
				ours = append(ours, "`"+rest+"`")
			}
		}
		if fields[0]+"/" != module+"docs/" {
			fmt.Fprintf(&b, "| `%s` | %s |\n", strings.TrimPrefix(fields[0], module), strings.Join(ours, ", "))
		}
	}
	checkSection(t, "imports", b.String())
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
