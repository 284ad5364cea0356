package esfake

import (
	"bytes"
	"encoding/json"
	"net/http"
	"unicode/utf8"
)

// item is the result of one document.
type item map[string]map[string]any

func (s *Server) bulk(w http.ResponseWriter, index string, body []byte) {
	s.mu.Lock()
	s.bulks++
	n := s.bulks
	s.mu.Unlock()
	var fault Fault
	if s.Fault != nil {
		fault = s.Fault(n)
	}
	switch {
	case fault.Status != 0:
		if fault.RetryAfter != "" {
			w.Header().Set("Retry-After", fault.RetryAfter)
		}
		refuse(w, fault.Status, "fault", "as the test wants it")
		return
	case s.MaxBytes > 0 && len(body) > s.MaxBytes:
		w.WriteHeader(http.StatusRequestEntityTooLarge) // without a body
		return
	case len(body) == 0:
		refuse(w, http.StatusBadRequest, "parse_exception", "request body is required")
		return
	case body[len(body)-1] != '\n':
		refuse(w, http.StatusBadRequest, "illegal_argument_exception", "The bulk request must be terminated by a newline [\\n]")
		return
	}
	if longID(body) {
		refuse(w, http.StatusBadRequest, "action_request_validation_exception", "id is too long, must be no longer than 512 bytes")
		return
	}
	items := s.index(index, body, fault)
	if fault.Cut {
		panic(http.ErrAbortHandler)
	}
	if fault.Torn {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"took":1,"errors":false,"items":[{"create":{"sta`))
		return
	}
	answer(w, http.StatusOK, map[string]any{"took": 1, "errors": false, "items": items})
}

// index stores the documents that can be stored.
func (s *Server) index(index string, body []byte, fault Fault) []item {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.docs == nil {
		s.docs = map[string]map[string]json.RawMessage{}
	}
	if s.docs[index] == nil {
		s.docs[index] = map[string]json.RawMessage{}
	}
	var items []item
	lines := bytes.Split(bytes.TrimSuffix(body, []byte("\n")), []byte("\n"))
	for i := 0; i+1 < len(lines); i += 2 {
		var action map[string]struct {
			ID string `json:"_id"`
		}
		if err := json.Unmarshal(lines[i], &action); err != nil {
			items = append(items, failed("create", "", http.StatusBadRequest, "parse_exception", err.Error()))
			continue
		}
		for op, meta := range action {
			status := fault.Items[i/2]
			if status == 0 {
				status = s.create(index, op, meta.ID, lines[i+1])
			}
			if status == http.StatusCreated {
				items = append(items, item{op: {"_id": meta.ID, "_index": index, "result": "created", "status": status}})
			} else {
				items = append(items, failed(op, meta.ID, status, "some_exception", "some reason"))
			}
		}
	}
	return items
}

// longID reports whether an action has an id that is too long: nothing is stored then.
func longID(body []byte) bool {
	for line := range bytes.Lines(body) {
		var action map[string]struct {
			ID string `json:"_id"`
		}
		if json.Unmarshal(line, &action) == nil && len(action["create"].ID) > 512 {
			return true
		}
	}
	return false
}

func failed(op, id string, status int, typ, reason string) item {
	return item{op: {"_id": id, "status": status, "error": map[string]any{"type": typ, "reason": reason}}}
}

// create returns the status of one document, which is stored if that is 201.
func (s *Server) create(index, op, id string, doc []byte) int {
	var fields map[string]json.RawMessage
	switch {
	case op != "create": // a data stream takes nothing else
		return http.StatusBadRequest
	case json.Unmarshal(doc, &fields) != nil, !utf8.Valid(doc), fields["@timestamp"] == nil:
		return http.StatusBadRequest
	case s.docs[index][id] != nil:
		return http.StatusConflict
	}
	s.docs[index][id] = bytes.Clone(doc)
	return http.StatusCreated
}
