package report

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"sync"
	"time"
)

//go:embed html
var htmlFiles embed.FS

// page is the parts of the page that are the same for every report. Its policy
// names the one script and the one style by their hashes: nothing else runs,
// nothing is loaded, and names from the network stay text.
var page = sync.OnceValue(func() *pageParts {
	p := &pageParts{}
	p.template = template.Must(template.New("page.gohtml").Funcs(template.FuncMap{
		"duration": durationText, "waited": func(s Slow) string { return s.waited() }, "count": countText, "printable": printable, "quantile": quantileText, "rate": rateText,
		"clock": func(t time.Time) string { return t.UTC().Format("15:04:05.000") }, "errno": errnoText, "lost": lostText, "part": partText,
	}).ParseFS(htmlFiles, "html/page.gohtml"))
	style, script := htmlFile("page.css"), htmlFile("page.js")
	p.style, p.script = template.CSS(style), template.JS(script) //nolint:gosec // both are files of this package
	p.policy = fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'", hash(style), hash(script))
	return p
})

type pageParts struct {
	template *template.Template
	style    template.CSS
	script   template.JS
	policy   string
}

func htmlFile(name string) string {
	b, err := htmlFiles.ReadFile("html/" + name)
	if err != nil {
		panic(err) // it is part of the program
	}
	return string(b)
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// HTML writes the report as one page that needs no network: of each server who
// waited for whom, a heat map of waiting and one of service over time, and the
// tables of the text. Moments are in UTC.
func HTML(w io.Writer, r *Report) error {
	parts := page()
	v := htmlView{Report: r, Style: parts.style, Script: parts.script, Policy: parts.policy, Maps: []htmlMap{}}
	if !r.Start.IsZero() {
		v.Made = r.Start.UTC().Format(time.DateTime) + " UTC"
	}
	for i := range r.Servers {
		s := &r.Servers[i]
		v.Servers = append(v.Servers, htmlServer{
			Server: s, Place: i, Seconds: r.DurationSeconds, Total: s.All(), Charges: Grouped(s.Blame), Slowest: slowest(s.Slow),
			Ordered: ByTime.sorted(s.Commands),
			Calls:   slices.SortedStableFunc(slices.Values(s.Syscalls), func(a, b Syscall) int { return cmp.Compare(b.Time.Sum, a.Time.Sum) }),
		})
		v.Maps = append(v.Maps, heatMap(s))
	}
	b := bufio.NewWriter(w)
	if err := parts.template.Execute(b, v); err != nil {
		return fmt.Errorf("write HTML: %w", err)
	}
	return b.Flush()
}

type htmlView struct {
	*Report
	Servers []htmlServer
	Maps    []htmlMap
	Made    string
	Style   template.CSS
	Script  template.JS
	Policy  string
}

type htmlServer struct {
	*Server
	Place   int
	Seconds float64
	Total   Phases
	Charges []Blame
	Ordered []Command
	Calls   []Syscall
	Slowest []Slow
}

// htmlSlow is how many slow batches the page lists.
const htmlSlow = 100

func slowest(all []Slow) []Slow {
	rows := slices.DeleteFunc(slices.Clone(all), func(s Slow) bool { return s.Exemplar })
	slices.SortStableFunc(rows, func(a, b Slow) int { return cmp.Compare(b.total(), a.total()) })
	return rows[:min(len(rows), htmlSlow)]
}

// htmlMap is a server's series for the script: of each interval its start and
// length in seconds, and of each command the buckets of wait and of service, two to
// a power of two, as pairs of row and count.
type htmlMap struct {
	Commands []string       `json:"commands"`
	Rows     []uint64       `json:"rows"` // the first nanosecond of each row
	Cells    []htmlInterval `json:"intervals"`
}

type htmlInterval struct {
	At      float64       `json:"at"`
	Seconds float64       `json:"seconds"`
	Wait    [][][2]uint64 `json:"wait"` // by the place of the command
	Service [][][2]uint64 `json:"service"`
}

// rowBuckets is how many buckets of the histogram make one row of a heat map.
const rowBuckets = SubBuckets / 2

func heatMap(s *Server) htmlMap {
	m := htmlMap{Commands: []string{}, Cells: []htmlInterval{}}
	place := map[string]int{}
	for i := range s.Commands {
		place[s.Commands[i].Name] = i
		m.Commands = append(m.Commands, printable(s.Commands[i].Name))
	}
	for i := 0; i < Buckets; i += rowBuckets {
		m.Rows = append(m.Rows, BucketFrom(i))
	}
	for i := range s.Series {
		in := &s.Series[i]
		cell := htmlInterval{in.AtSeconds, in.Seconds, empty(len(m.Commands)), empty(len(m.Commands))}
		for k := range in.Commands {
			c := &in.Commands[k]
			if at, ok := place[c.Name]; ok {
				cell.Wait[at], cell.Service[at] = rows(&c.Phases.Wait), rows(&c.Phases.Service)
			}
		}
		m.Cells = append(m.Cells, cell)
	}
	return m
}

func empty(n int) [][][2]uint64 {
	out := make([][][2]uint64, n)
	for i := range out {
		out[i] = [][2]uint64{}
	}
	return out
}

func rows(d *Durations) [][2]uint64 {
	out := [][2]uint64{}
	for i, n := range d.Counts {
		row := uint64(i / rowBuckets)
		switch last := len(out) - 1; {
		case n == 0:
		case last >= 0 && out[last][0] == row:
			out[last][1] += n
		default:
			out = append(out, [2]uint64{row, n})
		}
	}
	return out
}
