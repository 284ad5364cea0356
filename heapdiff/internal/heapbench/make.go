package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

//go:embed java/*.java
var sources embed.FS

// bytesOfAccount is how much of a dump one account of java/Books.java fills.
const bytesOfAccount = 1693

// makeDump fills a heap and dumps it in about mb megabytes, with its generation map
// beside it, unless that is there from before.
func (b *bench) makeDump(ctx context.Context, mb int) (string, error) {
	dump := filepath.Join(b.dir, fmt.Sprintf("books-%d.hprof", mb))
	if _, err := os.Stat(dump); err == nil {
		return dump, nil
	}
	classes, err := b.compile(ctx, "Books", "")
	if err != nil {
		return "", err
	}
	partial := dump + ".partial.hprof" // HotSpot wants the suffix
	_ = os.Remove(partial)             // HotSpot does not overwrite
	layout := strings.TrimSuffix(dump, ".hprof") + ".map.txt"
	heap := fmt.Sprintf("-Xmx%dm", 300+mb*17/10)
	accounts := strconv.Itoa(mb * 1_000_000 / bytesOfAccount)
	say("making %s with java %s", dump, heap)
	if err := command(ctx, "java", heap, "-XX:+UseParallelGC", "-cp", classes, "Books", accounts, partial, layout); err != nil {
		return "", err
	}
	return dump, os.Rename(partial, dump)
}

// compile compiles java/NAME.java and returns the directory with the classes.
func (b *bench) compile(ctx context.Context, name, classpath string) (string, error) {
	source, err := sources.ReadFile("java/" + name + ".java")
	if err != nil {
		return "", err
	}
	out := filepath.Join(b.dir, "classes")
	if err := os.MkdirAll(out, 0o755); err != nil {
		return "", err
	}
	file := filepath.Join(out, name+".java")
	if err := os.WriteFile(file, source, 0o644); err != nil {
		return "", err
	}
	return out, command(ctx, "javac", "-cp", classpath, "-d", out, file)
}

// slurpVersion is the published crate that is compared with.
const slurpVersion = "0.10.0"

// slurp builds hprof-slurp.
func (b *bench) slurp(ctx context.Context) (string, error) {
	root := filepath.Join(b.dir, "hprof-slurp-"+slurpVersion)
	program := filepath.Join(root, "bin", "hprof-slurp")
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	say("building hprof-slurp %s", slurpVersion)
	return program, command(ctx, "cargo", "install", "hprof-slurp", "--version", slurpVersion, "--locked", "--quiet", "--root", root)
}

// The library of VisualVM, as NetBeans publishes it.
const (
	libraryURL = "https://repo1.maven.org/maven2/org/netbeans/modules/org-netbeans-lib-profiler/RELEASE250/org-netbeans-lib-profiler-RELEASE250.jar"
	librarySum = "8304a50102e268fcd49dc6a8a4d47a22a993c5b093883dc1adad32059c8c68d9"
)

// rival is the command that computes the n largest retained sizes with VisualVM's
// library, of the dump that is its next but one argument.
func (b *bench) rival(ctx context.Context) ([]string, error) {
	jar := filepath.Join(b.dir, "lib-profiler.jar")
	if err := download(ctx, libraryURL, librarySum, jar); err != nil {
		return nil, err
	}
	classes, err := b.compile(ctx, "Rival", jar)
	if err != nil {
		return nil, err
	}
	return []string{"java", "-Xmx" + b.heap, "-cp", classes + string(os.PathListSeparator) + jar, "Rival"}, nil
}

func download(ctx context.Context, url, sum, file string) error {
	if have, err := os.ReadFile(file); err == nil && fmt.Sprintf("%x", sha256.Sum256(have)) == sum {
		return nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if got := fmt.Sprintf("%x", sha256.Sum256(body)); resp.StatusCode != http.StatusOK || got != sum {
		return fmt.Errorf("%s: %s with checksum %s, want %s", url, resp.Status, got, sum)
	}
	return os.WriteFile(file, body, 0o644)
}

// command runs a program that prints nothing of interest unless it fails.
func command(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, args[0], err, bytes.TrimSpace(out))
	}
	return nil
}
