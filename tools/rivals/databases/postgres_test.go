package databases

import (
	"context"
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// postgres starts a server of this test's own and returns the directory of its socket, or "" where there
// is none; CLEW_TEST_REQUIRE calls it postgres.
func postgres(t *testing.T) string {
	t.Helper()
	bin := postgresBin()
	if bin == "" {
		const why = "no postgres in PATH or /usr/lib/postgresql; apt-get install postgresql, or make setup as root, brings it"
		if slices.Contains(strings.Split(os.Getenv("CLEW_TEST_REQUIRE"), ","), "postgres") {
			t.Fatal(why)
		}
		t.Log(why)
		return ""
	}
	dir, err := os.MkdirTemp("", "clew-pg") // t.TempDir is too long for a socket's name
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	data := filepath.Join(dir, "data")
	as := func(name string, args ...string) *exec.Cmd { return exec.Command(name, args...) }
	if os.Getuid() == 0 { // which the server refuses to run as
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		as = func(name string, args ...string) *exec.Cmd {
			return exec.Command("setpriv", append([]string{"--reuid=nobody", "--clear-groups", "--", name}, args...)...)
		}
	}
	initdb := as(filepath.Join(bin, "initdb"), "-D", data, "-U", "clew", "-A", "trust", "-N", "-E", "UTF8", "--locale=C")
	initdb.Dir = dir
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	server := as(filepath.Join(bin, "postgres"), "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "shared_buffers=8MB")
	server.Dir = dir
	var log strings.Builder
	server.Stdout, server.Stderr = &log, &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(os.Interrupt) // a fast shutdown
		_ = server.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	ready(t, dir)
	return dir
}

func postgresBin() string {
	if path, err := exec.LookPath("postgres"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(real)
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(found) == 0 {
		return ""
	}
	return filepath.Dir(found[len(found)-1])
}

func ready(t *testing.T, socket string) {
	t.Helper()
	db, err := sql.Open("pgx", "host="+socket+" user=clew dbname=postgres sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		err := db.PingContext(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the server does not answer: %v", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
