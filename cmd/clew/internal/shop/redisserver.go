package shop

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/clewhq/clew/cmd/clew/internal/child"
)

// Redis is the name of the process that keeps the shop's Redis: the system's redis-server when there is one,
// a Redis in Go within the process otherwise.
const Redis = "redis"

// RedisPassword is the environment variable that holds the password of the shop's Redis. Without one, any
// user of the machine could give commands to a server that runs with the rights of whoever started the demo.
const RedisPassword = "CLEW_DEMO_REDIS_PASSWORD"

// redisStart bounds the start of redis-server.
const redisStart = 5 * time.Second

// serveRedis keeps a Redis until ctx ends.
func serveRedis(ctx context.Context, out *bufio.Writer, log io.Writer) error {
	password := os.Getenv(RedisPassword)
	if password == "" {
		return errors.New("no password in " + RedisPassword)
	}
	note := "built-in: no redis-server in PATH"
	if path, err := exec.LookPath("redis-server"); err == nil {
		err := runRedis(ctx, path, password, out, log)
		if !errors.Is(err, errNoStart) {
			return err
		}
		fmt.Fprintln(log, err)
		note = "built-in: " + path + " did not start"
	}
	small := miniredis.NewMiniRedis()
	small.RequireAuth(password)
	if err := small.Start(); err != nil {
		return err
	}
	defer small.Close()
	if err := say(out, Ready{Addr: small.Addr(), Note: note}); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// errNoStart says that redis-server never answered.
var errNoStart = errors.New("redis-server did not start")

// runRedis runs the redis-server at path on a free port, in a directory of its own, keeping nothing.
func runRedis(ctx context.Context, path, password string, out *bufio.Writer, log io.Writer) error {
	dir, err := os.MkdirTemp("", "clew-demo-redis-")
	if err != nil {
		return fmt.Errorf("%w: %w", errNoStart, err)
	}
	defer os.RemoveAll(dir)
	addr, err := freeAddr()
	if err != nil {
		return err
	}
	cmd := exec.Command(path, "-")
	cmd.Stdin = bytes.NewReader(redisConfig(dir, addr, password))
	cmd.Stdout, cmd.Stderr = log, log
	server, err := child.Start(cmd)
	if err != nil {
		return fmt.Errorf("%w: %w", errNoStart, err)
	}
	defer server.Kill() // it has nothing to keep
	version, err := awaitRedis(ctx, addr, password, server)
	if err != nil {
		return err
	}
	note := fmt.Sprintf("redis-server %s, pid %d", version, server.PID())
	if err := say(out, Ready{Addr: addr.String(), Note: note, RedisPID: server.PID()}); err != nil {
		return err
	}
	select {
	case <-server.Ended():
		return fmt.Errorf("redis-server ended: %w", ending(server))
	case <-ctx.Done():
		return nil
	}
}

// ending is how a server ended that was not to end.
func ending(server *child.Process) error {
	if err := server.Err(); err != nil {
		return err
	}
	return errors.New("exit status 0")
}

// redisConfig is handed over on standard input, where no other user can read the password.
func redisConfig(dir string, addr *net.TCPAddr, password string) []byte {
	var b bytes.Buffer
	for _, line := range [][2]string{
		{"bind", addr.IP.String()},
		{"port", strconv.Itoa(addr.Port)},
		{"requirepass", password},
		{"dir", strconv.Quote(dir)},
		{"save", `""`},
		{"appendonly", "no"},
		{"daemonize", "no"},
		{"maxmemory", "64mb"},
	} {
		fmt.Fprintln(&b, line[0], line[1])
	}
	return b.Bytes()
}

// awaitRedis waits until the server answers, and says which version it is.
func awaitRedis(ctx context.Context, addr *net.TCPAddr, password string, server *child.Process) (string, error) {
	client := redis.NewClient(&redis.Options{Addr: addr.String(), Password: password, MaxRetries: -1})
	defer func() { _ = client.Close() }()
	ctx, cancel := context.WithTimeout(ctx, redisStart)
	defer cancel()
	for {
		info, err := client.InfoMap(ctx, "server").Result()
		if err == nil {
			return info["Server"]["redis_version"], nil
		}
		select {
		case <-server.Ended():
			return "", fmt.Errorf("%w: %w", errNoStart, ending(server))
		case <-ctx.Done():
			return "", fmt.Errorf("%w within %v: %w", errNoStart, redisStart, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// freeAddr is a loopback address that nobody listens on at the moment.
func freeAddr() (*net.TCPAddr, error) {
	ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	addr := ln.Addr().(*net.TCPAddr)
	return addr, ln.Close()
}
