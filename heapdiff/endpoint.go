package heapdiff

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// ErrNotGo is the class of errors for a process that is no Go program.
var ErrNotGo = errors.New("it is not a Go program")

// probeTime bounds the wait for one port of a process to answer.
const probeTime = 3 * time.Second

// GoEndpoint finds where the Go process with this pid serves net/http/pprof: it
// asks each TCP port on which the process listens for a heap profile, and returns
// the URL of the first that answers with one, for [SnapGo]. ErrNotGo is the error
// for a process that was not built by Go. Linux only.
func GoEndpoint(ctx context.Context, pid int) (string, error) {
	if err := checkGo(pid); err != nil {
		return "", err
	}
	addrs, err := listening(pid)
	if err != nil {
		return "", fmt.Errorf("the ports of pid %d: %w", pid, err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	client := &http.Client{Transport: transport, Timeout: probeTime, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, addr := range addrs {
		if u := "http://" + addr; servesProfiles(ctx, client, u) {
			return u, nil
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
	}
	const mend = "it has to import net/http/pprof and serve http.DefaultServeMux; if it does so elsewhere, give the URL"
	if len(addrs) == 0 {
		return "", fmt.Errorf("pid %d is a Go program that listens on no TCP port, so its heap profile cannot be had: %s", pid, mend)
	}
	return "", fmt.Errorf("pid %d is a Go program, but none of its ports (%s) serves its heap profile: %s", pid, strings.Join(addrs, ", "), mend)
}

// checkGo looks into the executable for what Go's linker puts there.
func checkGo(pid int) error {
	exe := fmt.Sprintf("/proc/%d/exe", pid)
	if _, err := buildinfo.ReadFile(exe); err != nil {
		return fmt.Errorf("pid %d: %w (%w)", pid, ErrNotGo, err)
	}
	return nil
}

// servesProfiles reports whether the server at u answers with a Go heap profile.
func servesProfiles(ctx context.Context, client *http.Client, u string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u+"/debug/pprof/heap?debug=1", nil)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	head := make([]byte, len(textProfile))
	_, err = io.ReadFull(resp.Body, head)
	return err == nil && resp.StatusCode == http.StatusOK && bytes.Equal(head, []byte(textProfile))
}

// textProfile begins every heap profile in text.
const textProfile = "heap profile:"
