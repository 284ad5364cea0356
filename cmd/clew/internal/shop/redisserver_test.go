package shop

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/clewhq/clew/internal/peertest"
)

// wantRedis checks that a Redis answers those who know its password, and nobody else.
func wantRedis(t *testing.T, addr string) {
	t.Helper()
	for password, open := range map[string]bool{"secret": true, "guess": false, "": false} {
		client := redis.NewClient(&redis.Options{Addr: addr, Password: password, MaxRetries: -1})
		if err := client.Set(t.Context(), "key", "value", 0).Err(); (err == nil) != open {
			t.Errorf("password %q: %v", password, err)
		}
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestRedisServer(t *testing.T) {
	peertest.Need(t, "redis")
	t.Setenv(RedisPassword, "secret")
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	s := serve(t, Config{Name: Redis})
	if !strings.HasPrefix(s.Note, "redis-server ") || !strings.HasSuffix(s.Note, fmt.Sprintf(", pid %d", s.RedisPID)) || s.RedisPID == 0 {
		t.Errorf("note %q, pid %d", s.Note, s.RedisPID)
	}
	wantRedis(t, s.Addr)
	if err := s.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestBuiltInRedis(t *testing.T) {
	t.Setenv(RedisPassword, "secret")
	t.Setenv("PATH", t.TempDir())
	s := serve(t, Config{Name: Redis})
	if s.Note != "built-in: no redis-server in PATH" || s.RedisPID != 0 {
		t.Errorf("note %q, pid %d", s.Note, s.RedisPID)
	}
	wantRedis(t, s.Addr)
	if err := s.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// A redis-server that does not start is said to be so, and done without.
func TestRedisServerThatFails(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("writes a shell script")
	}
	bin := t.TempDir()
	path := filepath.Join(bin, "redis-server")
	if err := os.WriteFile(path, []byte("#!/bin/sh\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv(RedisPassword, "secret")
	t.Setenv("PATH", bin)
	s := serve(t, Config{Name: Redis})
	if want := "built-in: " + path + " did not start"; s.Note != want {
		t.Errorf("note %q, want %q", s.Note, want)
	}
	wantRedis(t, s.Addr)
	if err := s.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// Nor does one that finds no place for its directory.
func TestRedisServerWithoutTemp(t *testing.T) {
	peertest.Need(t, "redis")
	t.Setenv(RedisPassword, "secret")
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "gone"))
	s := serve(t, Config{Name: Redis})
	if !strings.HasPrefix(s.Note, "built-in: ") || !strings.HasSuffix(s.Note, " did not start") {
		t.Errorf("note %q", s.Note)
	}
	wantRedis(t, s.Addr)
	if err := s.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}
