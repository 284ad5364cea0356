package chart

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

// HTML writes charts as one page that needs nothing else, each with a list of its
// alerts; reason says in a sentence why one was raised.
func HTML(w io.Writer, title, summary string, charts []*Chart, reason func(c *Chart, i int) string) error {
	type alert struct{ Start, Lasted, Direction, Reason string }
	type one struct {
		Picture template.HTML
		Alerts  []alert
	}
	var all []one
	for _, c := range charts {
		var svg bytes.Buffer
		if err := c.SVG(&svg); err != nil {
			return err
		}
		o := one{Picture: template.HTML(svg.String())} //nolint:gosec // the painter escapes the title, and a test holds it to that
		for i, a := range c.Alerts {
			start := a.Start
			if c.Zone != nil {
				start = start.In(c.Zone)
			}
			o.Alerts = append(o.Alerts, alert{start.Format("2006-01-02 15:04:05 MST"), fmt.Sprint(a.End.Sub(a.Start)), a.Direction.String(), reason(c, i)})
		}
		all = append(all, o)
	}
	return page.Execute(w, map[string]any{"Title": title, "Summary": summary, "Charts": all})
}
