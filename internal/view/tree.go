package view

import (
	"hash/fnv"
	"slices"
	"strconv"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/internal/calltree"
	"github.com/clewhq/clew/internal/store"
)

// maxIndent is how far rows are indented; deeper ones say their depth.
const maxIndent = 24

// hues is how many colours the services of a transaction are told apart by.
const hues = 10

// tree is a transaction's call tree as the template shows it.
type tree struct {
	ID, Version string
	Run         Run
	Entry       string
	Service     string
	Time        string
	Response    string
	Work        string // empty when nothing went on after the response
	Spans       string
	Services    []service
	Errors      int
	State       state
	Notes       []string
	Rows        []treeRow
	First, Last int // numbers of the first and last row shown
	Total       string
	Earlier     string // address of the rows before, if any
	Later       string
	Ticks       []tick
}

// service is a service and the colour it has in this transaction.
type service struct {
	Name string
	Hue  int
}

// tick is a label on the time axis.
type tick struct {
	X     int // from the left, in per mille
	Label string
}

type treeRow struct {
	Number   int
	Key      string // names the same row when the tree is shown again
	Href     string // address with the details opened or closed
	Indent   int
	Level    int // depth from 1
	Deep     bool
	Name     string
	Argument string // what the call was about, beyond its name
	Lost     bool
	Kind     string
	Service  service
	Failed   bool
	Start    string
	Gap      string
	Exec     string
	Percent  string
	Self     string
	Lane     string
	Marks    []mark
	X, Width int // of the bar, in per mille
	Async    bool
	Detail   *detail // nil when closed
}

// mark is a peculiarity of a row.
type mark struct {
	Symbol, Name, Title string
}

var allMarks = []struct {
	bit  calltree.Marks
	mark mark
}{
	{calltree.Async, mark{"⤳", "async", "began after its parent had ended: not part of its parent's time"}},
	{calltree.Outlives, mark{"⇥", "outlives", "ended after its parent, which did not wait for it or has another clock"}},
	{calltree.Early, mark{"⏱", "early", "began before its parent: their clocks differ"}},
	{calltree.Clock, mark{"⏱", "clock", "its end lies before its start, or it has no start"}},
	{calltree.CycleCut, mark{"✂", "cycle cut", "its chain of parents led back to itself and was cut here"}},
}

// marksOf answers a row's marks in words.
func marksOf(r *calltree.Row) (marks []mark) {
	for _, m := range allMarks {
		if r.Marks.Has(m.bit) {
			marks = append(marks, m.mark)
		}
	}
	return marks
}

// treeRenderer holds what the rows of one tree have in common.
type treeRenderer struct {
	runs  []Run
	at    place
	built *calltree.Tree
	exec  int64 // of the first row, what Percent is of
	hue   map[string]int
}

func renderTree(t *store.Trace, run Run, at place, runs []Run) *tree {
	r := treeRenderer{runs: runs, at: at, built: calltree.Build(t.Spans), hue: assignHues(t.Services)}
	rows := r.built.Rows
	r.exec = rows[0].Exec
	v := &tree{
		ID: t.TraceID.String(), Version: strconv.FormatUint(t.Version, 10), Run: run,
		Entry: visible(t.Entry), Service: visible(t.Service), Time: fullTime(t.Start),
		Response: millis(t.Duration), Spans: count(int64(len(t.Spans)), "span"),
		Errors: t.Errors, State: stateOf(&run, &t.Summary), Notes: notesOf(t, r.built),
		Total: thousands(int64(len(rows))), Ticks: ticks(r.built.Work),
	}
	if r.built.Work > t.Duration {
		v.Work = millis(r.built.Work)
	}
	for _, s := range t.Services {
		v.Services = append(v.Services, service{visible(s), r.hue[s]})
	}
	from := min(at.From, len(rows)-1) / defaultRows * defaultRows
	to := min(from+defaultRows, len(rows))
	v.First, v.Last = from+1, to
	if from > 0 {
		at.From = from - defaultRows
		v.Earlier = at.href()
	}
	if to < len(rows) {
		at.From = to
		v.Later = at.href()
	}
	for i := from; i < to; i++ {
		v.Rows = append(v.Rows, r.row(i))
	}
	return v
}

// notesOf says in sentences what is odd about a transaction.
func notesOf(t *store.Trace, built *calltree.Tree) (notes []string) {
	add := func(n int, what, why string) {
		if n > 0 {
			notes = append(notes, what+": "+strconv.Itoa(n)+" ("+why+")")
		}
	}
	add(built.Lost, "parents that have not come", "not reported yet, sampled away, or reported elsewhere")
	add(t.Roots-1, "roots beside the first", "the context did not arrive there")
	add(built.Cycles, "circles of parents", "cut where they begin")
	add(t.Duplicates, "spans that came twice", "the first is shown")
	add(t.Dropped, "spans left out", "the store has no room for more of one trace")
	return notes
}

// assignHues gives each service a colour by its name, so that it keeps it from
// one transaction to the next, and the next free one when that is taken.
func assignHues(services []string) map[string]int {
	hue := make(map[string]int, len(services))
	var taken [hues]bool
	for _, s := range services {
		h := fnv.New32a()
		_, _ = h.Write([]byte(s)) // a hash takes everything
		want := int(h.Sum32() % hues)
		for range hues {
			if !taken[want] {
				break
			}
			want = (want + 1) % hues
		}
		hue[s], taken[want] = want, true
	}
	return hue
}

// ticks are the times at the quarters of the axis.
func ticks(width int64) (ts []tick) {
	for i := range int64(4) {
		ts = append(ts, tick{X: int(i * 250), Label: millis(width / 4 * i)})
	}
	return ts
}

func (r *treeRenderer) row(i int) treeRow {
	c := &r.built.Rows[i]
	id := c.ID.String()
	row := treeRow{
		Number: i + 1, Key: id, Href: r.at.toggled(id).href(),
		Indent: min(c.Depth, maxIndent), Level: c.Depth + 1, Deep: c.Depth > maxIndent,
		Start: millis(c.Start), Gap: millis(c.Gap), Exec: millis(c.Exec), Percent: percent(c.Exec, r.exec), Self: millis(c.Self),
		Marks: marksOf(c), X: r.perMille(c.Start), Async: c.Marks.Has(calltree.Async),
	}
	row.Width = max(2, r.perMille(c.Start+c.Exec)-row.X)
	if c.Lanes > 1 {
		row.Lane = strconv.Itoa(c.Lane+1) + "/" + strconv.Itoa(c.Lanes)
	}
	if c.Span == nil {
		row.Lost, row.Name, row.Self = true, "lost span "+id, ""
		if next := i + 1; next < len(r.built.Rows) && r.built.Rows[next].Span != nil && r.built.Rows[next].Span.RemoteParent() {
			row.Name = "caller elsewhere, span " + id
		}
		if slices.Contains(r.at.Open, id) {
			row.Detail = &detail{Note: count(int64(c.Children), "span") + " named this one as parent, but it has not come itself. " +
				"Its times are those of its children together. It may come yet, have been sampled away, or be reported elsewhere."}
		}
		return row
	}
	s := c.Span
	row.Key += "-" + s.Kind.String()
	row.Name, row.Argument, row.Failed = visible(s.Name), visible(argument(s)), s.Status == store.StatusError
	row.Service = service{visible(s.Service), r.hue[s.Service]}
	if s.Kind != oteltrace.SpanKindUnspecified {
		row.Kind = s.Kind.String()
	}
	if slices.Contains(r.at.Open, id) {
		row.Detail = r.detail(c)
	}
	return row
}

// perMille is where on the time axis t is.
func (r *treeRenderer) perMille(t int64) int {
	if r.built.Work == 0 {
		return 0
	}
	return int(float64(t) / float64(r.built.Work) * 1000)
}
