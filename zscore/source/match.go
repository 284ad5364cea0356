package source

import (
	"fmt"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// Match says which series are meant, in the words of Prometheus. The zero Match
// means all. It may be used by several goroutines.
type Match struct {
	matchers []*labels.Matcher
	text     string
}

// ParseMatch reads a selector such as {__name__=~"http_.+", job="api"} or
// requests_total{code!="200"}.
func ParseMatch(selector string) (Match, error) {
	matchers, err := parser.NewParser(parser.Options{}).ParseMetricSelector(selector)
	if err != nil {
		return Match{}, fmt.Errorf("selector %q: %w", selector, err)
	}
	return Match{matchers, selector}, nil
}

// Matches reports whether these labels are meant. A label that is not there is
// matched as an empty one.
func (m Match) Matches(l Labels) bool {
	for _, one := range m.matchers {
		if !one.Matches(l.Get(one.Name)) {
			return false
		}
	}
	return true
}

// String is the selector as it was written.
func (m Match) String() string { return m.text }
