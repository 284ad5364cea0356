package fakeslack

import (
	"regexp"
	"strings"
)

var (
	linkForm = regexp.MustCompile(`<(https?://[^|>]*)\|([^>]*)>`)
	boldForm = regexp.MustCompile(`\*([^*\n]+)\*`)
	entities = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")
)

// Show draws the message for a terminal as Slack would show it, each line behind
// a bar as in a channel. Bold is drawn with ANSI codes where color is set.
func (p Payload) Show(color bool) string {
	d := drawing{color: color}
	if len(p.Blocks) == 0 {
		d.text(p.Text)
	}
	for _, b := range p.Blocks {
		d.block(b)
	}
	return d.b.String()
}

type drawing struct {
	b     strings.Builder
	color bool
}

func (d *drawing) bold(s string) string {
	if !d.color {
		return s
	}
	return "\x1b[1m" + s + "\x1b[0m"
}

func (d *drawing) block(b Block) {
	if b.Type == "header" {
		d.line(d.bold(b.Text.Text))
		return
	}
	if b.Text != nil {
		d.text(b.Text.Text)
	}
	var cells []string
	for _, f := range b.Fields {
		name, value, _ := strings.Cut(f.Text, "\n")
		cells = append(cells, d.markup(name)+" "+d.markup(value))
	}
	if len(cells) > 0 {
		d.line(strings.Join(cells, "   "))
	}
	for _, e := range b.Elements {
		d.text(e.Text)
	}
}

func (d *drawing) text(s string) {
	for line := range strings.Lines(s) {
		d.line(d.markup(strings.TrimSuffix(line, "\n")))
	}
}

// markup turns Slack's marks into what a terminal can do.
func (d *drawing) markup(s string) string {
	s = linkForm.ReplaceAllString(s, "$2 ($1)")
	s = boldForm.ReplaceAllStringFunc(s, func(m string) string { return d.bold(strings.Trim(m, "*")) })
	return entities.Replace(strings.ReplaceAll(s, "`", ""))
}

func (d *drawing) line(s string) { d.b.WriteString("┃ " + s + "\n") }
