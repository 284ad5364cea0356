package report

import (
	"bufio"
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"time"

	"github.com/clewhq/clew/heapdiff"
	"github.com/clewhq/clew/heapdiff/internal/humanize"
)

//go:embed html
var htmlFiles embed.FS

var htmlPage = template.Must(template.New("page.gohtml").Funcs(template.FuncMap{
	"bytes": humanize.Bytes, "count": humanize.Count,
}).ParseFS(htmlFiles, "html/page.gohtml"))

// The page draws at most so many holders and lists so many classes: what is
// beyond them is too small to be seen.
const (
	htmlHolders = 4000
	htmlClasses = 500
	// htmlColumns is how much of a stack its row shows before it is opened.
	htmlColumns = 90
)

type htmlReport struct {
	Delta    *heapdiff.Delta
	Warnings []string
	Suspects []heapdiff.Suspect
	Classes  []htmlClass
	Growth   bool
	Stacks   bool // the rows are allocation stacks
	Retained bool // of some class
	Old      bool // the generations are known
	Style    template.CSS
	Script   template.JS
	Tree     []htmlHolder
	Made     string
}

type htmlClass struct {
	Name             string
	Stack            []string
	Growth           string
	Bytes, Instances int64
	Retained         int64
	Old, Young       *heapdiff.Population
}

// htmlHolder is a holder, or a function of a stack, for the script: its parent's
// place, name, newest and oldest retained bytes, objects, and whether it is
// suspected.
type htmlHolder struct {
	Parent  int    `json:"p"`
	Name    string `json:"n"`
	Bytes   int64  `json:"b"`
	Before  int64  `json:"a"`
	Objects int64  `json:"o"`
	Suspect bool   `json:"s,omitempty"`
}

// HTML writes the comparison as one page that needs no network: the suspects, a
// flame graph of the growth, a treemap of what is retained, the classes.
func HTML(w io.Writer, d *heapdiff.Delta, o Options) error {
	style, err := htmlFiles.ReadFile("html/page.css")
	if err != nil {
		return err
	}
	script, err := htmlFiles.ReadFile("html/page.js")
	if err != nil {
		return err
	}
	last := len(d.Snapshots) - 1
	r := htmlReport{
		Delta: d, Suspects: o.suspects(d), Growth: last > 0,
		Style: template.CSS(style), Script: template.JS(script), //nolint:gosec // both are files of this package
		Tree: htmlTree(d, &o), Warnings: slices.Concat(d.Warnings, snapshotWarnings(d)),
	}
	if len(d.Holders) == 0 && d.Snapshots[last].Sampling != nil {
		r.Stacks, r.Tree = true, stackTreeOf(d, &o)
	}
	if at := d.Snapshots[last].Time; !at.IsZero() {
		r.Made = at.UTC().Format(time.DateTime) + " UTC"
	}
	rows := o.classes(d)
	for i := range rows[:min(len(rows), htmlClasses)] {
		c := &rows[i]
		at := &c.At[last]
		a := o.of(at)
		row := htmlClass{c.Name, nil, o.change(o.growth(c)), a.bytes, a.objects, at.RetainedBytes, at.Old, at.Young}
		if stack := stackOf(c); len(stack) > 0 {
			row.Name, row.Stack = fitStack(stack, htmlColumns), stack
		}
		r.Retained = r.Retained || row.Retained > 0
		r.Old = r.Old || row.Old != nil
		r.Classes = append(r.Classes, row)
	}
	b := bufio.NewWriter(w)
	if err := htmlPage.Execute(b, r); err != nil {
		return fmt.Errorf("write HTML: %w", err)
	}
	return b.Flush()
}

// htmlTree is the largest holders, with all above them.
func htmlTree(d *heapdiff.Delta, o *Options) []htmlHolder {
	last := len(d.Snapshots) - 1
	size := func(i int) int64 { return max(d.Holders[i].RetainedBytes[last], d.Holders[i].RetainedBytes[0]) }
	order := make([]int, len(d.Holders))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(size(b), size(a)) })
	keep := make([]bool, len(d.Holders))
	for _, i := range order[:min(len(order), htmlHolders)] {
		if !o.shows(holderName(&d.Holders[i])) {
			continue
		}
		for k := i; k >= 0 && !keep[k]; k = d.Holders[k].Parent {
			keep[k] = true
		}
	}
	place := make([]int, len(d.Holders))
	out := []htmlHolder{}
	for i := range d.Holders {
		if !keep[i] {
			continue
		}
		h := &d.Holders[i]
		place[i] = len(out)
		parent := -1
		if h.Parent >= 0 {
			parent = place[h.Parent]
		}
		accused := h.Parent < 0 || h.Static // what a suspect's name can stand for
		out = append(out, htmlHolder{
			parent, holderName(h), h.RetainedBytes[last], h.RetainedBytes[0], h.Objects[last],
			accused && slices.ContainsFunc(d.Suspects, func(s heapdiff.Suspect) bool { return s.Holder == h.Label }),
		})
	}
	return out
}
