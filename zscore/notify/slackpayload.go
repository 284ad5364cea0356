package notify

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/clewhq/clew/zscore/alert"
)

// Slack's limits, and a margin below them: 50 blocks, 3000 characters in a
// section, 150 in a header, 2000 in a field, and an undocumented sum at which
// messages came to be refused somewhere above 11,000.
const (
	maxHeader  = 140
	maxSection = 2900
	maxField   = 400
	maxSum     = 9000
	maxPlain   = 3900
	// detailed is how many lines of a digest have all figures.
	detailed = 20
	// maxLine bounds one line of a list.
	maxLine = 400
	// tailRoom is what is left for the count of what did not fit, and the footer.
	tailRoom = 900
)

// slackPayload is the body of an incoming webhook or of chat.postMessage.
type slackPayload struct {
	Channel  string       `json:"channel,omitempty"`
	Text     string       `json:"text"`
	Blocks   []slackBlock `json:"blocks,omitempty"`
	ThreadTS string       `json:"thread_ts,omitempty"`
	TS       string       `json:"ts,omitempty"`
	// Names in labels are not to become links, or previews of them.
	UnfurlLinks bool `json:"unfurl_links"`
	UnfurlMedia bool `json:"unfurl_media"`
}

type slackBlock struct {
	Type     string      `json:"type"`
	Text     *slackText  `json:"text,omitempty"`
	Fields   []slackText `json:"fields,omitempty"`
	Elements []slackText `json:"elements,omitempty"`
}

type slackText struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

func mrkdwn(s string) slackText { return slackText{"mrkdwn", s} }

func section(s string) slackBlock {
	t := mrkdwn(s)
	return slackBlock{Type: "section", Text: &t}
}

func header(s string) slackBlock {
	return slackBlock{Type: "header", Text: &slackText{"plain_text", cut(s, maxHeader)}}
}

// escape keeps what comes from labels from being a mention, a link or markup.
// The result has at most n characters, the escapes counted.
func escape(s string, n int) string {
	var b strings.Builder
	for _, r := range clean(s, n) {
		piece := string(r)
		switch r {
		case '&':
			piece = "&amp;"
		case '<':
			piece = "&lt;"
		case '>':
			piece = "&gt;"
		}
		if n -= width(piece); n < 0 {
			break
		}
		b.WriteString(piece)
	}
	return b.String()
}

// code is s in monospace.
func code(s string, n int) string {
	return "`" + strings.ReplaceAll(escape(s, n), "`", "'") + "`"
}

// SlackPayload writes a batch as Slack's Block Kit within Slack's limits, with a
// fallback in plain text; a batch that was refused once is plain text only.
func SlackPayload(b alert.Batch, s Style) ([]byte, error) { return json.Marshal(payload(b, s)) }

func payload(b alert.Batch, s Style) slackPayload {
	notices := b.Notices()
	p := slackPayload{Text: fallback(notices)}
	if b.Plain() {
		p.Text = plain(b, s)
		return p
	}
	switch {
	case len(notices) > 1:
		p.Blocks = list(notices, b, s)
	case notices[0].Kind == alert.Note:
		p.Blocks = []slackBlock{section(p.Text), about(b, s)}
	default:
		p.Blocks = card(notices[0], b, s)
	}
	return p
}

// fallback is what a telephone shows of the message.
func fallback(notices []alert.Notice) string {
	if len(notices) == 1 {
		n := notices[0]
		text := mark(n.Kind) + " " + what(n)
		if n.Kind == alert.Firing {
			text += ": " + figures(n.Incident)
		}
		if n.Kind != alert.Note {
			text += " [" + n.Incident.ID + "]"
		}
		return escape(text, maxLine)
	}
	return escape(tally(notices), maxLine)
}

// tally is the headline of a list.
func tally(notices []alert.Notice) string {
	count := map[alert.Kind]int{}
	for _, n := range notices {
		count[n.Kind]++
	}
	var parts []string
	for _, k := range []struct {
		kind alert.Kind
		word string
	}{{alert.Firing, "firing"}, {alert.Still, "still firing"}, {alert.Resolved, "resolved"}, {alert.Note, "notes"}} {
		if n := count[k.kind]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d %s", mark(k.kind), n, k.word))
		}
	}
	return strings.Join(parts, ", ")
}

// card tells one incident in full.
func card(n alert.Notice, b alert.Batch, s Style) []slackBlock {
	i := n.Incident
	blocks := []slackBlock{header(clean(mark(n.Kind)+" "+what(n), maxHeader))}
	if i.Series != "" {
		blocks = append(blocks, section(code(i.Series, 1000)))
	}
	if n.Kind == alert.Resolved {
		text := fmt.Sprintf("From %s to %s. %s", s.clock(i.Start), s.clock(i.Ended), figuresAtPeak(i))
		return append(blocks, section(escape(text, 1000)), footer(n, b, s))
	}
	if i.Value.Known() && i.Expected.Known() {
		blocks = append(blocks, slackBlock{Type: "section", Fields: []slackText{
			field("Value", i.Value.String()), field("Expected", i.Expected.String()),
			field("z", signed(i.Z)), field("Since", s.clock(i.Start)),
		}})
	}
	text := escape(i.Reason, 600)
	if line := Sparkline(i.Recent[max(0, len(i.Recent)-60):]); line != "" {
		text += "\n`" + line + "`"
	}
	if len(i.Drivers) > 0 {
		text += "\n*Driven by* " + escape(drivers(i.Drivers), 600)
	}
	if text = strings.TrimSpace(text); text != "" {
		blocks = append(blocks, section(text))
	}
	return append(blocks, footer(n, b, s))
}

func figuresAtPeak(i alert.Incident) string {
	if i.PeakZ.Known() && i.PeakZ != 0 {
		return "Peak z " + signed(i.PeakZ) + "."
	}
	return ""
}

func field(name, value string) slackText {
	return mrkdwn("*" + name + "*\n" + escape(value, maxField/5))
}

// footer has the incident's id, by which its messages are told to belong together.
func footer(n alert.Notice, b alert.Batch, s Style) slackBlock {
	parts := []string{"incident *" + n.Incident.ID + "*"}
	if n.Incident.Severity != "" {
		parts = append(parts, escape(n.Incident.Severity, 40))
	}
	for _, m := range marks(b) {
		parts = append(parts, escape(m, 200))
	}
	links := n.Incident.Links
	for _, l := range links[:min(len(links), 3)] {
		parts = append(parts, link(l.URL, l.Name))
	}
	return small(append(parts, pageLink(s)...))
}

func small(parts []string) slackBlock {
	var kept []string
	for _, p := range parts {
		if width(strings.Join(append(kept, p), " · ")) < maxSection {
			kept = append(kept, p)
		}
	}
	return slackBlock{Type: "context", Elements: []slackText{mrkdwn(strings.Join(kept, " · "))}}
}

// link writes a link, unless the URL is so long or odd that it would break the message.
func link(url, name string) string {
	if len(url) > 500 || strings.ContainsAny(url, "|<> \n") {
		return escape(name, 40)
	}
	return "<" + url + "|" + escape(strings.ReplaceAll(name, "|", "/"), 40) + ">"
}

func pageLink(s Style) []string {
	if s.Page == "" {
		return nil
	}
	return []string{link(s.Page, "all alerts")}
}

// list tells many notices in a line each, what fires first.
func list(notices []alert.Notice, b alert.Batch, s Style) []slackBlock {
	head := header(tally(notices))
	lines, left := listLines(notices, s, maxSum-tailRoom, true)
	blocks := []slackBlock{head}
	text := ""
	for _, line := range lines {
		if width(text)+1+width(line) > maxSection {
			blocks = append(blocks, section(text))
			text = ""
		}
		text = strings.TrimPrefix(text+"\n"+line, "\n")
	}
	for _, text := range []string{text, left} {
		if text != "" {
			blocks = append(blocks, section(text))
		}
	}
	return append(blocks, about(b, s))
}

// about is the footer of a message that is about no single incident.
func about(b alert.Batch, s Style) slackBlock {
	var parts []string
	for _, m := range marks(b) {
		parts = append(parts, escape(m, 200))
	}
	return small(append(parts, pageLink(s)...))
}

// listLines writes the lines that fit into room, and a last one about the others.
func listLines(notices []alert.Notice, s Style, room int, markup bool) (lines []string, left string) {
	order := slices.Clone(notices)
	slices.SortStableFunc(order, func(x, y alert.Notice) int { return rank(x.Kind) - rank(y.Kind) })
	for k, n := range order {
		line := listLine(n, s, k < detailed, markup)
		if room -= width(line) + 1; room < 0 {
			return lines, rest(order[k:])
		}
		lines = append(lines, line)
	}
	return lines, ""
}

func rank(k alert.Kind) int {
	return slices.Index([]alert.Kind{alert.Note, alert.Firing, alert.Still, alert.Resolved}, k)
}

func listLine(n alert.Notice, s Style, full, markup bool) string {
	i := n.Incident
	name := func(text string, n int) string {
		if markup {
			return code(text, n)
		}
		return escape(text, n)
	}
	if n.Kind == alert.Note {
		return mark(n.Kind) + " " + escape(n.Text, maxLine)
	}
	line := fmt.Sprintf("%s %s %s", mark(n.Kind), name(i.ID, 12), escape(what(n), 150))
	if i.Series != "" {
		line += " " + name(i.Series, 120)
	}
	if full && n.Kind != alert.Resolved {
		line += ": " + escape(figures(i), 120) + " since " + s.clock(i.Start)
	}
	return line
}

// rest counts by rule what had no room.
func rest(notices []alert.Notice) string {
	count := map[string]int{}
	var rules []string
	for _, n := range notices {
		if count[n.Incident.Rule]++; count[n.Incident.Rule] == 1 {
			rules = append(rules, n.Incident.Rule)
		}
	}
	slices.SortStableFunc(rules, func(x, y string) int { return count[y] - count[x] })
	parts := make([]string, 0, len(rules))
	for _, r := range rules[:min(len(rules), 8)] {
		parts = append(parts, fmt.Sprintf("%d of %s", count[r], clean(r, 20)))
	}
	return "… " + escape(fmt.Sprintf("and %d more: %s", len(notices), strings.Join(parts, ", ")), 300)
}

// plain is the whole message without blocks.
func plain(b alert.Batch, s Style) string {
	notices := b.Notices()
	lines, left := listLines(notices, s, maxPlain-tailRoom, false)
	if left != "" {
		lines = append(lines, left)
	}
	return strings.Join(append(lines, escape(strings.Join(marks(b), " · "), 400)), "\n")
}
