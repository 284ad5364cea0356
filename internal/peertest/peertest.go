// Package peertest finds the real programs that tests talk to: a Redis, a
// browser, another language's SDK. A test whose program is not on the machine is
// skipped, saying what would bring it; where CLEW_TEST_REQUIRE names it, a comma
// list such as "redis,chromium", it fails instead.
package peertest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// requireVar is the environment variable that turns skips into failures.
const requireVar = "CLEW_TEST_REQUIRE"

// peer is a program that tests want, under any of its names.
type peer struct {
	binaries []string
	mend     string
}

var peers = map[string]peer{
	"cc":       {[]string{"cc"}, "apt-get install gcc libc6-dev"},
	"redis":    {[]string{"redis-server"}, "apt-get install redis-server"},
	"chromium": {[]string{"chromium", "chromium-browser", "google-chrome"}, "apt-get install chromium"},
	"java":     {[]string{"java"}, "apt-get install openjdk-17-jdk-headless"},
	"strace":   {[]string{"strace"}, "apt-get install strace"},
	"node":     {[]string{"node"}, "apt-get install nodejs npm"},

	"alertmanager": {[]string{"prometheus-alertmanager", "alertmanager"}, "apt-get install prometheus-alertmanager"},

	"prometheus": {[]string{"prometheus"}, "apt-get install prometheus"},
	"promtool":   {[]string{"promtool"}, "apt-get install prometheus"},
}

// Need returns the path of the program that plays name: "redis", "chromium",
// "java", "node", "strace", "prometheus", "promtool" or "alertmanager". Without it the test ends here.
func Need(t testing.TB, name string) string {
	t.Helper()
	p, ok := peers[name]
	if !ok {
		t.Fatalf("peertest knows no %q", name)
	}
	for _, binary := range p.binaries {
		if path, err := exec.LookPath(binary); err == nil {
			return path
		}
	}
	missing(t, name, strings.Join(p.binaries, " or ")+" is not in PATH; "+p.mend+", or make test as root, brings it")
	return ""
}

// GoToolchain returns the GOTOOLCHAIN that names a release of Go, such as
// "go1.24.9", downloading it through the module proxy if need be. Where that
// can't be done the test ends here; CLEW_TEST_REQUIRE calls it gotoolchains.
func GoToolchain(t testing.TB, release string) string {
	t.Helper()
	if release == runtime.Version() {
		return "local"
	}
	cmd := exec.Command("go", "version")
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN="+release)
	if out, err := cmd.CombinedOutput(); err != nil {
		missing(t, "gotoolchains", fmt.Sprintf("%s can't be downloaded: %v: %s", release, err, out))
	}
	return release
}

// NodeModules returns the directory with the npm packages that tools/npm pins,
// for NODE_PATH. Without node or the packages the test ends here.
func NodeModules(t testing.TB) string {
	t.Helper()
	Need(t, "node")
	modules := filepath.Join(cache(t), "npm", "node_modules")
	if _, err := os.Stat(modules); err != nil {
		missing(t, "node", modules+" is not there; make setup brings it")
	}
	return modules
}

// Distribution returns the directory of the server that plays name, "opensearch",
// "elasticsearch", "kafka" or "nats-server", as tools/setup has brought it. Without it the test ends here.
func Distribution(t testing.TB, name string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(cache(t), "peers", name+"-*", "bin", name))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 {
		missing(t, name, fmt.Sprintf("%d distributions of it are in .cache/peers; make setup brings the one", len(found)))
	}
	return filepath.Dir(filepath.Dir(found[0]))
}

// JavaAgent returns the path of an agent for Java services that tools/setup has brought, "opentelemetry"
// or "pinpoint". Without it the test ends here; CLEW_TEST_REQUIRE calls both javaagent.
func JavaAgent(t testing.TB, name string) string {
	t.Helper()
	pattern := "opentelemetry-javaagent-*.jar"
	if name == "pinpoint" {
		pattern = "pinpoint-agent-*/pinpoint-bootstrap.jar"
	}
	found, err := filepath.Glob(filepath.Join(cache(t), "peers", pattern))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 {
		missing(t, "javaagent", fmt.Sprintf("%d of %s are in .cache/peers; make setup brings the one", len(found), pattern))
	}
	return found[0]
}

// cache returns the directory .cache of the module that the test belongs to.
func cache(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "tools", "npm", "package.json")); err == nil {
			return filepath.Join(dir, ".cache")
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no tools/npm/package.json in any directory above the test")
		}
		dir = up
	}
}

func missing(t testing.TB, name, why string) {
	t.Helper()
	if slices.Contains(strings.Split(os.Getenv(requireVar), ","), name) {
		t.Fatalf("%s, and %s requires %s", why, requireVar, name)
	}
	t.Skipf("%s: %s", name, why)
}
