package view

import (
	"strings"
	"time"

	"github.com/clewhq/clew/internal/store"
)

// filter answers the summaries that the words of query all fit. A word fits a
// transaction when its entry's name, one of its services or its trace id holds
// it, whatever the case. Three kinds of words have a meaning: "error" and
// "broken", and ">20ms" for the shortest time to the answer.
func (r *Run) filter(all []store.Summary, query string) []store.Summary {
	words := strings.Fields(strings.ToLower(query))
	if len(words) == 0 {
		return all
	}
	var out []store.Summary
next:
	for _, s := range all {
		text := strings.ToLower(s.Entry + "\n" + s.TraceID.String() + "\n" + strings.Join(s.Services, "\n"))
		for _, w := range words {
			if !r.fits(&s, text, w) {
				continue next
			}
		}
		out = append(out, s)
	}
	return out
}

func (r *Run) fits(s *store.Summary, text, word string) bool {
	switch {
	case word == "error":
		return s.Errors > 0
	case word == "broken":
		return !r.whole(s)
	case word[0] == '>':
		if least, err := time.ParseDuration(word[1:]); err == nil {
			return s.Duration > least.Nanoseconds()
		}
	}
	return strings.Contains(text, word)
}
