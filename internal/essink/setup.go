package essink

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Stream is what a data stream of requests needs to be set up for.
type Stream struct {
	Name      string        // of the data stream: logs-clew.access-default
	OTel      bool          // the documents have OpenTelemetry's fields, not ECS's
	Retention time.Duration // documents older than this are deleted; 0: none are
}

// Step is one thing to be put on the server. Putting it twice does no harm.
type Step struct {
	Path string          `json:"path"`
	Body json.RawMessage `json:"body"`
	// Versioned says that the server replaces it only if told which version of it.
	Versioned bool `json:"-"`
	// Policy says that it is about retention: the server may have no module for it.
	Policy bool `json:"-"`
}

// priority is above that of the servers' own templates for logs-*-* (100) and above
// what Elastic's integrations use (200).
const priority = 250

// rollover is when a new backing index is begun: deleting goes by whole indices.
const (
	rolloverAge  = "1d"
	rolloverSize = "50gb"
)

type object = map[string]any

// Plan returns what has to be put on a server for a stream, in order. Retention is
// the data stream's own lifecycle on Elasticsearch from 8.14, an ILM policy before,
// an ISM policy on OpenSearch.
func Plan(f Flavor, s Stream) ([]Step, error) {
	if f.Product == Elasticsearch && !f.AtLeast(7, 9) {
		return nil, fmt.Errorf("%s has no data streams: they came with 7.9", f)
	}
	if s.Retention < 0 || s.Retention%time.Hour != 0 {
		return nil, fmt.Errorf("a retention of %v: want whole hours", s.Retention)
	}
	if strings.ToLower(s.Name) != s.Name || strings.ContainsAny(s.Name, `\/*?"<>| ,#:`) || s.Name == "" || strings.Trim(s.Name[:1], "-_+.") == "" {
		return nil, fmt.Errorf("%q can't be the name of a data stream", s.Name)
	}
	settings := object{}
	template := object{"settings": settings, "mappings": mappings(s.OTel)}
	var steps []Step
	switch age := fmt.Sprintf("%dh", int(s.Retention.Hours())); {
	case s.Retention == 0:
	case f.Product == OpenSearch:
		steps = append(steps, ism(s.Name, age))
	case f.AtLeast(8, 14):
		template["lifecycle"] = object{"data_retention": age}
	default:
		settings["index.lifecycle.name"] = s.Name
		steps = append(steps, ilm(f, s.Name, age))
	}
	if f.Product == Elasticsearch && f.AtLeast(8, 17) {
		settings["index.mode"] = "logsdb"
	}
	return append(steps, step("/_index_template/"+s.Name, object{
		"index_patterns": []string{s.Name},
		"data_stream":    object{},
		"priority":       priority,
		"template":       template,
		"_meta":          object{"description": "documents of clew's request log"},
	})), nil
}

func step(path string, body any) Step {
	b, err := json.Marshal(body)
	if err != nil {
		panic(err) // maps of strings
	}
	return Step{Path: path, Body: b}
}

// mappings index what people search for, as they search for it: words whole, texts
// by word. Fields that are not named here are found out by the server.
func mappings(otel bool) object {
	keywords := []object{{"strings": object{
		"match_mapping_type": "string",
		"mapping":            object{"type": "keyword", "ignore_above": 1024},
	}}}
	properties := object{"@timestamp": object{"type": "date"}}
	if otel {
		properties["body"] = object{"properties": object{"text": object{"type": "text"}}}
	} else {
		properties["message"] = object{"type": "text"}
		properties["event"] = object{"properties": object{"duration": object{"type": "long"}}}
		properties["error"] = object{"properties": object{"message": object{"type": "text"}}}
	}
	return object{"dynamic": true, "dynamic_templates": keywords, "properties": properties}
}

// ilm is a policy of Elasticsearch's index lifecycle management.
func ilm(f Flavor, name, age string) Step {
	size := "max_size"
	if f.AtLeast(7, 13) {
		size = "max_primary_shard_size"
	}
	s := step("/_ilm/policy/"+name, object{"policy": object{"phases": object{
		"hot":    object{"actions": object{"rollover": object{"max_age": rolloverAge, size: rolloverSize}}},
		"delete": object{"min_age": age, "actions": object{"delete": object{}}},
	}}})
	s.Policy = true
	return s
}

// ism is a policy of OpenSearch's index state management.
func ism(name, age string) Step {
	s := step("/_plugins/_ism/policies/"+name, object{"policy": object{
		"description":   "retention of clew's request log",
		"default_state": "hot",
		"states": []object{
			{
				"name":        "hot",
				"actions":     []object{{"rollover": object{"min_index_age": rolloverAge, "min_primary_shard_size": rolloverSize}}},
				"transitions": []object{{"state_name": "delete", "conditions": object{"min_index_age": age}}},
			},
			{"name": "delete", "actions": []object{{"delete": object{}}}, "transitions": []object{}},
		},
		"ism_template": []object{{"index_patterns": []string{name}, "priority": priority}},
	}})
	s.Versioned, s.Policy = true, true
	return s
}

// ErrNoPolicies is the error of [Step.Apply] when the server has no module for
// policies of that kind, so that it won't delete what is old.
var ErrNoPolicies = errors.New("this server has no module for retention")

// Apply puts the step on the server.
func (s Step) Apply(ctx context.Context, b Bulk) error {
	_, err := b.Call(ctx, http.MethodPut, s.Path, s.Body)
	var answer *Error
	if s.Versioned && errors.As(err, &answer) && answer.Status == http.StatusConflict {
		err = s.replace(ctx, b)
	}
	if s.Policy && errors.As(err, &answer) && (answer.Status == http.StatusBadRequest || answer.Status == http.StatusMethodNotAllowed) &&
		strings.HasPrefix(answer.Reason, "no handler found") {
		return fmt.Errorf("put %s: %w", s.Path, ErrNoPolicies)
	}
	if err != nil {
		return fmt.Errorf("put %s: %w", s.Path, err)
	}
	return nil
}

// replace puts the step in the place of the version that is there.
func (s Step) replace(ctx context.Context, b Bulk) error {
	body, err := b.Call(ctx, http.MethodGet, s.Path, nil)
	if err != nil {
		return err
	}
	var there struct {
		SeqNo *int64 `json:"_seq_no"`
		Term  *int64 `json:"_primary_term"`
	}
	if err := json.Unmarshal(body, &there); err != nil || there.SeqNo == nil || there.Term == nil {
		return fmt.Errorf("the server does not tell the version of what is there: %.100q", body)
	}
	_, err = b.Call(ctx, http.MethodPut, fmt.Sprintf("%s?if_seq_no=%d&if_primary_term=%d", s.Path, *there.SeqNo, *there.Term), s.Body)
	return err
}
