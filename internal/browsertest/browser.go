// Package browsertest drives a real headless Chromium, so that tests see a page
// as a reader does: after its scripts, under its policy, through its keys.
//
// It speaks the Chrome DevTools Protocol over a pair of pipes, which needs no
// port and no client library.
package browsertest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/clewhq/clew/internal/peertest"
)

// patience is how long anything may take before the test fails.
const patience = 30 * time.Second

// Page is a tab of a browser of its own. Its methods end the test when the
// browser fails; they are for the test's goroutine only.
type Page struct {
	t       testing.TB
	conn    *conn
	session string
}

// Open starts a browser with an empty tab of that size in CSS pixels. The test
// is skipped, or fails, where there is no Chromium; see package peertest. The
// browser is gone when the test ends.
func Open(t testing.TB, width, height int) *Page {
	t.Helper()
	path := peertest.Need(t, "chromium")
	c, err := start(path, width, height)
	if err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Errorf("end the browser: %v", err)
		}
	})
	p := &Page{t: t, conn: c}
	var target struct {
		TargetID string `json:"targetId"`
	}
	p.do("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct {
		SessionID string `json:"sessionId"`
	}
	p.do("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	p.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log"} {
		p.do(domain+".enable", nil, nil)
	}
	p.do("Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": `
		addEventListener('securitypolicyviolation', (e) => console.error('policy violated: ' + e.violatedDirective + ' by ' + e.blockedURI + ' ' + e.sample));`}, nil)
	return p
}

// do calls a method of the browser, or of the tab once there is one.
func (p *Page) do(method string, params, result any) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := p.conn.call(ctx, p.session, method, params, result); err != nil {
		p.t.Fatalf("browser: %s: %v", method, err)
	}
}

// conn is a running browser.
type conn struct {
	profile string // its directory
	cmd     *exec.Cmd
	to      io.WriteCloser
	exited  chan struct{}
	read    chan struct{} // closed when nothing more comes

	mu       sync.Mutex
	lastID   int
	waiting  map[int]chan message
	problems []string
}

// message is any of the protocol's.
type message struct {
	ID        int             `json:"id,omitempty"`
	SessionID string          `json:"sessionId,omitempty"`
	Method    string          `json:"method,omitempty"`
	Params    json.RawMessage `json:"params,omitempty"`
	Result    json.RawMessage `json:"result,omitempty"`
	Error     *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// start runs the browser with its protocol on file descriptors 3 and 4.
func start(path string, width, height int) (_ *conn, err error) {
	profile, err := os.MkdirTemp("", "browsertest")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(profile))
		}
	}()
	theirIn, ourOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	ourIn, theirOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, theirIn.Close(), ourOut.Close())
	}
	cmd := exec.Command(path,
		"--headless", "--remote-debugging-pipe", "--user-data-dir="+profile, fmt.Sprintf("--window-size=%d,%d", width, height),
		"--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
		"--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage")
	cmd.ExtraFiles = []*os.File{theirIn, theirOut}
	cmd.WaitDelay = patience
	err = cmd.Start()
	closeErr := errors.Join(theirIn.Close(), theirOut.Close())
	if err != nil {
		return nil, errors.Join(err, closeErr, ourOut.Close(), ourIn.Close())
	}
	c := &conn{profile: profile, cmd: cmd, to: ourOut, exited: make(chan struct{}), read: make(chan struct{}), waiting: map[int]chan message{}}
	go func() {
		defer close(c.exited)
		_ = cmd.Wait() // how it ends, once told to, is its own affair
	}()
	go c.receive(ourIn)
	return c, nil
}

// receive takes messages, each ended by a zero byte, until the browser goes.
func (c *conn) receive(from io.ReadCloser) {
	defer close(c.read)
	defer from.Close()
	r := bufio.NewReader(from)
	for {
		text, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(text[:len(text)-1], &m) != nil {
			continue
		}
		c.mu.Lock()
		if answer, ok := c.waiting[m.ID]; ok && m.ID != 0 {
			delete(c.waiting, m.ID)
			answer <- m
		} else if problem := problemIn(m); problem != "" {
			c.problems = append(c.problems, problem)
		}
		c.mu.Unlock()
	}
}

// problemIn is what an event reports as wrong with the page, if anything.
func problemIn(m message) string {
	var p struct {
		Type             string // of a console call
		Args             []struct{ Value any }
		ExceptionDetails struct {
			Text      string
			Exception struct{ Description string }
		}
		Entry struct{ Level, Text, URL string }
	}
	if json.Unmarshal(m.Params, &p) != nil {
		return ""
	}
	switch {
	case m.Method == "Runtime.exceptionThrown":
		return "exception: " + p.ExceptionDetails.Text + " " + p.ExceptionDetails.Exception.Description
	case m.Method == "Runtime.consoleAPICalled" && (p.Type == "error" || p.Type == "assert"):
		return fmt.Sprint("console: ", p.Args)
	case m.Method == "Log.entryAdded" && p.Entry.Level == "error":
		return "log: " + p.Entry.Text + " " + p.Entry.URL
	}
	return ""
}

func (c *conn) call(ctx context.Context, session, method string, params, result any) error {
	raw, err := json.Marshal(params)
	if err != nil {
		return err
	}
	if params == nil {
		raw = nil
	}
	c.mu.Lock()
	c.lastID++
	m := message{ID: c.lastID, SessionID: session, Method: method, Params: raw}
	answer := make(chan message, 1)
	c.waiting[m.ID] = answer
	text, err := json.Marshal(m)
	if err == nil {
		_, err = c.to.Write(append(text, 0))
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case m = <-answer:
	case <-c.read:
		return errors.New("the browser is gone")
	case <-ctx.Done():
		return ctx.Err()
	}
	if m.Error != nil {
		return errors.New(m.Error.Message)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(m.Result, result)
}

// close ends the browser, by force when it does not end by itself.
func (c *conn) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = c.call(ctx, "", "Browser.close", nil, nil) // it may be gone before it answers
	var err error
	select {
	case <-c.exited:
	case <-ctx.Done():
		err = errors.Join(errors.New("it did not end by itself"), c.cmd.Process.Kill())
		<-c.exited
	}
	closeErr := c.to.Close()
	<-c.read
	return errors.Join(err, closeErr, removeAll(ctx, c.profile))
}

// removeAll removes the profile's directory. The browser's helper processes
// outlive it for a moment and may still write there, so one try is not enough.
func removeAll(ctx context.Context, dir string) error {
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		err := os.RemoveAll(dir)
		if err == nil || ctx.Err() != nil {
			return err
		}
		<-poll.C
	}
}
