package browsertest

import (
	"encoding/json"
	"strings"
	"time"
)

// Goto loads a URL and waits until the page and its deferred scripts are there.
func (p *Page) Goto(url string) {
	p.t.Helper()
	var navigated struct{ ErrorText string }
	p.do("Page.navigate", map[string]any{"url": url}, &navigated)
	if navigated.ErrorText != "" {
		p.t.Fatalf("browser: open %s: %s", url, navigated.ErrorText)
	}
	p.Wait(`document.readyState === 'complete' && location.href !== 'about:blank'`)
}

// Eval evaluates a JavaScript expression in the page, waits for it if it is a
// promise, and decodes its value into result, which may be nil.
func (p *Page) Eval(expression string, result any) {
	p.t.Helper()
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	p.do("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &answer)
	if e := answer.ExceptionDetails; e != nil {
		p.t.Fatalf("browser: %s: %s %s", expression, e.Text, e.Exception.Description)
	}
	if result == nil {
		return
	}
	if err := json.Unmarshal(answer.Result.Value, result); err != nil {
		p.t.Fatalf("browser: %s: value %s: %v", expression, answer.Result.Value, err)
	}
}

// Wait waits until a JavaScript expression is true.
func (p *Page) Wait(expression string) {
	p.t.Helper()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for end := time.Now().Add(patience); ; <-poll.C {
		var ok bool
		p.Eval("!!("+expression+")", &ok)
		if ok {
			return
		}
		if time.Now().After(end) {
			p.t.Fatalf("browser: still not so: %s\nthe page shows:\n%s", expression, p.Text("body"))
		}
	}
}

// Text is the text a reader sees of the first element that a CSS selector
// finds, empty when there is none.
func (p *Page) Text(selector string) (text string) {
	p.t.Helper()
	quoted, err := json.Marshal(selector)
	if err != nil {
		p.t.Fatal(err)
	}
	p.Eval("(document.querySelector("+string(quoted)+") || {innerText: ''}).innerText", &text)
	return text
}

// keys are those that are not written by their own letter.
var keys = map[string]struct {
	code int
	text string
}{
	"Enter": {13, "\r"}, "Escape": {27, ""}, "Tab": {9, ""},
	"ArrowLeft": {37, ""}, "ArrowUp": {38, ""}, "ArrowRight": {39, ""}, "ArrowDown": {40, ""},
}

// Press presses keys one after another: letters, "Enter", "Escape", "Tab",
// "ArrowUp" and its like.
func (p *Page) Press(names ...string) {
	p.t.Helper()
	for _, name := range names {
		params := map[string]any{"type": "keyDown", "key": name, "text": name}
		if k, special := keys[name]; special {
			params["text"], params["windowsVirtualKeyCode"] = k.text, k.code
		}
		p.do("Input.dispatchKeyEvent", params, nil)
		params["type"] = "keyUp"
		delete(params, "text")
		p.do("Input.dispatchKeyEvent", params, nil)
	}
}

// Problems are what the page has done wrong so far: exceptions, errors in the
// console, files that did not load, and violations of its own policy.
func (p *Page) Problems() string {
	p.Eval("0", nil) // whatever was reported before has arrived now
	p.conn.mu.Lock()
	defer p.conn.mu.Unlock()
	return strings.Join(p.conn.problems, "\n")
}

// WithoutScripts keeps pages from running any script from now on. Eval still
// works: it is the browser's.
func (p *Page) WithoutScripts() {
	p.t.Helper()
	p.do("Emulation.setScriptExecutionDisabled", map[string]any{"value": true}, nil)
}

// Follow goes where the link leads that a CSS selector finds.
func (p *Page) Follow(selector string) {
	p.t.Helper()
	quoted, err := json.Marshal(selector)
	if err != nil {
		p.t.Fatal(err)
	}
	var href string
	p.Eval("document.querySelector("+string(quoted)+").href", &href)
	p.Goto(href)
}
