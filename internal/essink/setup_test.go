package essink

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clewhq/clew/internal/essink/esfake"
)

const month = 30 * 24 * time.Hour

// at finds a value in JSON by keys.
func at(t *testing.T, raw json.RawMessage, keys ...string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		o, _ := v.(map[string]any)
		v = o[k]
	}
	return v
}

func TestPlanFitsTheServer(t *testing.T) {
	const name = "logs-clew.access-default"
	for _, c := range []struct {
		flavor              Flavor
		paths               []string
		lifecycle, mode, il any // of the template
	}{
		{Flavor{Elasticsearch, "7.9.0", 7, 9}, []string{"/_ilm/policy/" + name, "/_index_template/" + name}, nil, nil, name},
		{Flavor{Elasticsearch, "8.13.0", 8, 13}, []string{"/_ilm/policy/" + name, "/_index_template/" + name}, nil, nil, name},
		{Flavor{Elasticsearch, "8.14.0", 8, 14}, []string{"/_index_template/" + name}, "720h", nil, nil},
		{Flavor{Elasticsearch, "8.17.0", 8, 17}, []string{"/_index_template/" + name}, "720h", "logsdb", nil},
		{Flavor{Elasticsearch, "9.3.0", 9, 3}, []string{"/_index_template/" + name}, "720h", "logsdb", nil},
		{Flavor{OpenSearch, "2.19.4", 2, 19}, []string{"/_plugins/_ism/policies/" + name, "/_index_template/" + name}, nil, nil, nil},
	} {
		t.Run(c.flavor.String(), func(t *testing.T) {
			steps, err := Plan(c.flavor, Stream{Name: name, Retention: month})
			if err != nil {
				t.Fatal(err)
			}
			var paths []string
			for _, s := range steps {
				paths = append(paths, s.Path)
			}
			if diff := cmp.Diff(c.paths, paths); diff != "" {
				t.Fatalf("steps (-want +got):\n%s", diff)
			}
			template := steps[len(steps)-1].Body
			got := []any{
				at(t, template, "template", "lifecycle", "data_retention"),
				at(t, template, "template", "settings", "index.mode"),
				at(t, template, "template", "settings", "index.lifecycle.name"),
			}
			if diff := cmp.Diff([]any{c.lifecycle, c.mode, c.il}, got); diff != "" {
				t.Errorf("lifecycle, mode and policy (-want +got):\n%s", diff)
			}
			if p, ok := at(t, template, "priority").(float64); !ok || p <= 200 || at(t, template, "data_stream") == nil {
				t.Errorf("template %s", template)
			}
			if len(steps) == 2 && !strings.Contains(string(steps[0].Body), "720h") {
				t.Errorf("policy %s", steps[0].Body)
			}
			forever, err := Plan(c.flavor, Stream{Name: name})
			if err != nil || len(forever) != 1 || strings.Contains(string(forever[0].Body), "lifecycle") {
				t.Errorf("without retention: %+v, %v", forever, err)
			}
		})
	}
}

func TestPlanThatCannotBe(t *testing.T) {
	now := Flavor{Elasticsearch, "8.19.7", 8, 19}
	for _, c := range []struct {
		flavor Flavor
		stream Stream
		want   string
	}{
		{Flavor{Elasticsearch, "7.8.1", 7, 8}, Stream{Name: "a"}, "came with 7.9"},
		{now, Stream{Name: "a", Retention: 90 * time.Minute}, "whole hours"},
		{now, Stream{Name: "a", Retention: -time.Hour}, "whole hours"},
		{now, Stream{Name: ""}, "can't be the name"},
		{now, Stream{Name: "A"}, "can't be the name"},
		{now, Stream{Name: "a/../b"}, "can't be the name"},
		{now, Stream{Name: "-a"}, "can't be the name"},
	} {
		if _, err := Plan(c.flavor, c.stream); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Plan(%v, %+v): %v, want something with %q", c.flavor, c.stream, err, c.want)
		}
	}
}

func TestApplyReplacesAPolicy(t *testing.T) {
	server := &esfake.Server{Product: OpenSearch, Version: "2.19.4"}
	each(t, fake(t, server), func(t *testing.T, b Bulk) {
		f, err := b.Ping(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, days := range []int{7, 8} {
			steps, err := Plan(f, Stream{Name: "x", Retention: time.Duration(days) * 24 * time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			if err := steps[0].Apply(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			if got := server.Put(steps[0].Path); string(got) != string(steps[0].Body) {
				t.Errorf("after %d days the server has %s", days, got)
			}
		}
	})
}

func TestApplyOnAServerWithoutTheModule(t *testing.T) {
	each(t, fake(t, &esfake.Server{Product: Elasticsearch, Version: "7.17.29"}), func(t *testing.T, b Bulk) {
		err := ism("x", "1h").Apply(t.Context(), b)
		var answer *Error
		if !errors.Is(err, ErrNoPolicies) || errors.As(err, &answer) {
			t.Errorf("Apply: %v", err)
		}
		if err := step("/_index_template/x", nil).Apply(t.Context(), b); err != nil {
			t.Error(err)
		}
		if _, err := b.Call(t.Context(), http.MethodGet, "/_index_template/y", nil); !errors.As(err, &answer) || answer.Status != 404 {
			t.Errorf("Call: %v", err)
		}
	})
}
