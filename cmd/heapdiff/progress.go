package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/term"

	"github.com/clewhq/clew/heapdiff"
)

// progress draws one line on a terminal, and nothing elsewhere.
type progress struct {
	w       io.Writer
	drawn   time.Time
	began   time.Time // of the stage
	stage   string
	visible bool
}

func newProgress(w io.Writer) *progress {
	if f, ok := w.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		w = nil
	}
	return &progress{w: w}
}

// redraw is the least time between two lines.
const redraw = 200 * time.Millisecond

func (p *progress) update(u heapdiff.Progress) {
	if p.w == nil {
		return
	}
	now := time.Now()
	if u.Stage != p.stage {
		p.stage, p.began = u.Stage, now
	}
	if now.Sub(p.drawn) < redraw {
		return
	}
	p.drawn, p.visible = now, true
	left := ""
	if spent := now.Sub(p.began); u.Done > 0.05 && u.Done < 1 && spent > time.Second {
		left = fmt.Sprintf(", %s left", time.Duration(float64(spent)*(1-u.Done)/u.Done).Round(time.Second))
	}
	fmt.Fprintf(p.w, "\r\x1b[K%s: %s %.0f %%%s", filepath.Base(u.Source), u.Stage, 100*u.Done, left)
}

// clear takes the line away.
func (p *progress) clear() {
	if p.visible {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.visible = false
	}
}
