package alert

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// RuleLabel is the name by which matchers mean the rule of an incident, and
// SeverityLabel its severity.
const (
	RuleLabel     = "rule"
	SeverityLabel = "severity"
)

// Matcher is a condition on one label, in Prometheus' notation: name="value",
// !=, =~ and !~, the expressions anchored at both ends. A missing label is empty.
type Matcher struct {
	Name  string
	Op    string
	Value string
	re    *regexp.Regexp
}

// String is the notation that [ParseMatchers] reads.
func (m Matcher) String() string { return m.Name + m.Op + strconv.Quote(m.Value) }

// Match reports whether a label's value meets the condition.
func (m Matcher) Match(value string) bool {
	switch m.Op {
	case "=":
		return value == m.Value
	case "!=":
		return value != m.Value
	case "=~":
		return m.re.MatchString(value)
	}
	return !m.re.MatchString(value)
}

// Matchers are conditions that must all be met.
type Matchers []Matcher

// String is the notation that [ParseMatchers] reads.
func (ms Matchers) String() string {
	parts := make([]string, len(ms))
	for i, m := range ms {
		parts[i] = m.String()
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// MarshalText implements [encoding.TextMarshaler].
func (ms Matchers) MarshalText() ([]byte, error) { return []byte(ms.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (ms *Matchers) UnmarshalText(b []byte) error {
	got, err := ParseMatchers(string(b))
	*ms = got
	return err
}

// Match reports whether the labels meet all conditions.
func (ms Matchers) Match(label func(name string) string) bool {
	for _, m := range ms {
		if !m.Match(label(m.Name)) {
			return false
		}
	}
	return true
}

// label looks a name up in an incident: its rule, its severity, its labels.
func (i *Incident) label(name string) string {
	if v, ok := i.Labels[name]; ok {
		return v
	}
	switch name {
	case RuleLabel:
		return i.Rule
	case SeverityLabel:
		return i.Severity
	}
	return ""
}

var matcherForm = regexp.MustCompile(`^\s*([a-zA-Z_][a-zA-Z0-9_.]*)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|[^",{}\s]*)\s*(,|$)`)

// ParseMatchers reads conditions such as {rule="gateway-rps",instance=~"gw-.*"};
// the braces and, around plain words, the quotes may be left out.
func ParseMatchers(s string) (Matchers, error) {
	rest := strings.TrimSpace(s)
	if strings.HasPrefix(rest, "{") && strings.HasSuffix(rest, "}") {
		rest = strings.TrimSpace(rest[1 : len(rest)-1])
	}
	var out Matchers
	for rest != "" {
		found := matcherForm.FindStringSubmatch(rest)
		if found == nil {
			return nil, fmt.Errorf("%q: want conditions such as rule=\"gateway-rps\", instance=~\"gw-.*\"", s)
		}
		m := Matcher{Name: found[1], Op: found[2], Value: found[3]}
		if strings.HasPrefix(m.Value, `"`) {
			value, err := strconv.Unquote(m.Value)
			if err != nil {
				return nil, fmt.Errorf("%q: %s is no quoted string", s, m.Value)
			}
			m.Value = value
		}
		if strings.HasSuffix(m.Op, "~") {
			re, err := regexp.Compile("^(?:" + m.Value + ")$")
			if err != nil {
				return nil, fmt.Errorf("%q: %w", s, err)
			}
			m.re = re
		}
		out = append(out, m)
		rest = rest[len(found[0]):]
	}
	return out, nil
}
