package report

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Sentence says the charge in words, as "3 GETs waited 134–268 ms behind EVAL
// (sha 3f2a…) from 10.0.0.7:51234".
func (b *Blame) Sentence() string {
	var s strings.Builder
	s.WriteString(b.waiters())
	s.WriteString(" " + b.holder())
	if b.Times > 1 {
		fmt.Fprintf(&s, ", %s times", countText(b.Times))
	}
	if b.HeldMaxNS > 0 {
		if b.Times > 1 {
			fmt.Fprintf(&s, ", at most %s each", durationText(b.HeldMaxNS))
		} else {
			fmt.Fprintf(&s, ", which took %s", durationText(b.HeldMaxNS))
		}
	}
	if b.TraceID != "" {
		s.WriteString("; trace " + printable(b.TraceID))
	}
	return s.String()
}

// Lines is the sentence in lines of at most width columns, unless a word is wider;
// the later ones are indented.
func (b *Blame) Lines(width int) []string {
	return strings.Split(wrap(b.Sentence(), "  ", width, 0), "\n")
}

// waiters is who waited how long.
func (b *Blame) waiters() string {
	switch len(b.Victims) {
	case 0:
		return fmt.Sprintf("%s waited %s in all", plural(b.Waited, "request"), durationText(b.WaitNS))
	case 1:
		v := &b.Victims[0]
		return fmt.Sprintf("%s waited %s", plural(v.Count, printable(v.Name)), rangeText(v.MinNS, v.MaxNS))
	}
	names := make([]string, 0, 3)
	least, most, others := b.Victims[0].MinNS, b.Victims[0].MaxNS, uint64(0)
	for i := range b.Victims {
		v := &b.Victims[i]
		least, most = min(least, v.MinNS), max(most, v.MaxNS)
		if i < 3 {
			names = append(names, plural(v.Count, printable(v.Name)))
		} else {
			others += v.Count
		}
	}
	if others > 0 {
		names = append(names, plural(others, "other"))
	}
	last := len(names) - 1
	return fmt.Sprintf("%s and %s waited %s", strings.Join(names[:last], ", "), names[last], rangeText(least, most))
}

// holder is what they waited for.
func (b *Blame) holder() string {
	switch b.Cause {
	case CauseFsync:
		return "for the append-only file to be synced"
	case CauseFork:
		return "while the server copied itself by fork"
	case CauseScheduler:
		return "while the event loop had no CPU"
	case CauseUnknown:
		return "while nothing that was measured held the event loop"
	}
	s := "behind " + printable(b.By)
	if b.Detail != "" {
		s += " (" + abbreviated(printable(b.Detail)) + ")"
	}
	if b.Client != "" {
		s += " from " + printable(b.Client)
	}
	return s
}

var sha1 = regexp.MustCompile(`\b[0-9a-f]{40}\b`)

// abbreviated shortens what is too long to be read: a few digits tell scripts
// apart, and JSON has all of them.
func abbreviated(detail string) string {
	return sha1.ReplaceAllStringFunc(detail, func(sum string) string { return sum[:12] + "…" })
}

// printable is s without what could steer a terminal: names and addresses come
// from the network.
func printable(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) < 0 {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if unicode.IsPrint(r) && r != utf8.RuneError {
			b.WriteRune(r)
		} else {
			for _, c := range []byte(s[:size]) {
				fmt.Fprintf(&b, `\x%02x`, c)
			}
		}
		s = s[size:]
	}
	return b.String()
}
