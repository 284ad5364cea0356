package source

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLabels(t *testing.T) {
	l := NewLabels(Label{"route", "/pay"}, Label{"code", "200"}, Label{NameLabel, "requests"}, Label{"empty", ""}, Label{"code", "500"})
	if got, want := l.String(), `requests{code="500", route="/pay"}`; got != want {
		t.Errorf("labels %s, want %s", got, want)
	}
	if same := NewLabels(Label{"code", "500"}, Label{NameLabel, "requests"}, Label{"route", "/pay"}); same != l || same.Hash() != l.Hash() {
		t.Errorf("%v and %v are not the same", same, l)
	}
	if other := l.With("code", "404"); other == l || other.Get("code") != "404" || other.Name() != "requests" {
		t.Errorf("with another code: %v", other)
	}
	if got := l.With("code", ""); got != l.Without("code") || got.Get("code") != "" {
		t.Errorf("with an empty code: %v", got)
	}
	if got, want := maps.Collect(l.Only("route", "zone").All()), map[string]string{"route": "/pay"}; !cmp.Equal(got, want) {
		t.Errorf("only the route: %v, want %v", got, want)
	}
	back, err := LabelsFromKey(l.Key())
	if err != nil || back != l {
		t.Errorf("from its key: %v (%v), want %v", back, err, l)
	}
}

func TestLabelsString(t *testing.T) {
	tests := []struct {
		labels []Label
		want   string
	}{
		{nil, "{}"},
		{[]Label{{NameLabel, "up"}}, "up"},
		{[]Label{{"a", "say \"x\"\n"}}, `{a="say \"x\"\n"}`},
	}
	for _, tt := range tests {
		if got := NewLabels(tt.labels...).String(); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.labels, got, tt.want)
		}
	}
	var zero Labels
	if zero != NewLabels() || zero.Key() != "" || zero.Name() != "" {
		t.Errorf("the zero Labels is not the empty set")
	}
}

// FuzzLabelsFromKey holds that no text but a set's one key is taken for it.
func FuzzLabelsFromKey(f *testing.F) {
	f.Add(NewLabels(Label{"a", "b"}, Label{"c", "d"}).Key())
	f.Add("\x01a\x01b\x01a\x01c")
	f.Add("\x81\x00a\x01b")
	f.Add("\xff\xff\xff\xff\xff")
	f.Fuzz(func(t *testing.T, key string) {
		l, err := LabelsFromKey(key)
		if err != nil {
			return
		}
		var labels []Label
		for n, v := range l.All() {
			labels = append(labels, Label{n, v})
		}
		if again := NewLabels(labels...); again.Key() != key {
			t.Errorf("%q is taken for %v, whose key is %q", key, l, again.Key())
		}
	})
}

func TestMatch(t *testing.T) {
	l := NewLabels(Label{NameLabel, "http_requests_total"}, Label{"code", "500"})
	tests := []struct {
		selector string
		want     bool
	}{
		{`http_requests_total`, true},
		{`{__name__=~"http_.+"}`, true},
		{`http_requests_total{code!="200"}`, true},
		{`http_requests_total{code="200"}`, false},
		{`{__name__=~"http"}`, false},
		{`http_requests_total{zone=""}`, true},
		{`{}`, true},
	}
	for _, tt := range tests {
		m, err := ParseMatch(tt.selector)
		if err != nil {
			t.Errorf("%s: %v", tt.selector, err)
			continue
		}
		if got := m.Matches(l); got != tt.want {
			t.Errorf("%s matches: %v, want %v", tt.selector, got, tt.want)
		}
	}
	if !(Match{}).Matches(l) {
		t.Error("the zero Match does not match")
	}
	for _, bad := range []string{"", "{", "rate(x[1m])", `{a=~"("}`} {
		if _, err := ParseMatch(bad); err == nil {
			t.Errorf("%q is taken for a selector", bad)
		}
	}
}
