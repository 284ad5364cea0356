// Package esfake is a server that answers as Elasticsearch or OpenSearch would, and
// is as strict as they are about what loses documents: media types, operations on
// data streams, ids, sizes. What it does is checked against the real ones by
// essink's tests, which run on both.
package esfake

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Server is a fake server, an [http.Handler]. Set its fields before it serves.
type Server struct {
	Product  string // Elasticsearch or OpenSearch
	Version  string
	MaxBytes int // a longer bulk request is answered 413; 0: none is
	// Fault may do something else with the n-th bulk request, counted from 1. It is
	// called by several goroutines at a time.
	Fault func(n int) Fault

	mu    sync.Mutex
	bulks int
	docs  map[string]map[string]json.RawMessage // by index and id
	put   map[string]json.RawMessage            // by path
}

// Fault is what goes wrong with a bulk request. The zero Fault is nothing.
type Fault struct {
	Status     int    // answer this to the whole request
	RetryAfter string // with that header
	Cut        bool   // store the documents, then cut the connection instead of answering
	Torn       bool   // store the documents, then answer with half the body
	// Items is the status of single documents, by position. Those are not stored.
	Items map[int]int
}

// Docs returns the ids of the documents in index, sorted.
func (s *Server) Docs(index string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.docs[index]))
}

// Doc returns a document.
func (s *Server) Doc(index, id string) json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.docs[index][id]
}

// Put returns what was put under a path: a template, a policy.
func (s *Server) Put(path string) json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.put[path]
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.Product == "Elasticsearch" {
		w.Header().Set("X-Elastic-Product", s.Product)
	}
	if status, reason := s.mediaTypes(r); status != 0 {
		refuse(w, status, "media_type_header_exception", reason)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		refuse(w, http.StatusBadRequest, "parse_exception", err.Error())
		return
	}
	switch {
	case r.URL.Path == "/" && r.Method == http.MethodGet:
		s.root(w)
	case strings.HasSuffix(r.URL.Path, "/_bulk") && r.Method == http.MethodPost:
		s.bulk(w, strings.Trim(strings.TrimSuffix(r.URL.Path, "_bulk"), "/"), body)
	case r.Method == http.MethodPut:
		s.store(w, r, body)
	case r.Method == http.MethodGet:
		s.get(w, r)
	default:
		refuse(w, http.StatusMethodNotAllowed, "illegal_argument_exception", "incorrect HTTP method")
	}
}

// mediaTypes returns what the real ones say to headers that they do not like.
func (s *Server) mediaTypes(r *http.Request) (status int, reason string) {
	for _, name := range []string{"Content-Type", "Accept"} {
		v := r.Header.Values(name)
		if len(v) > 1 {
			return http.StatusBadRequest, "only one " + name + " header should be provided"
		}
		if len(v) == 0 {
			if name == "Content-Type" && r.ContentLength > 0 {
				return http.StatusNotAcceptable, "Content-Type header is missing"
			}
			continue
		}
		if _, with, ok := strings.Cut(v[0], "compatible-with="); ok {
			major, _, _ := strings.Cut(s.Version, ".")
			var want, have int
			_, _ = fmt.Sscan(with, &want) // 0 fits no version
			_, _ = fmt.Sscan(major, &have)
			switch {
			case s.Product != "Elasticsearch":
				return http.StatusNotAcceptable, fmt.Sprintf("the %s header [%s] is not supported", name, v[0])
			case want != have && want != have-1, !strings.Contains(r.Header.Get("Accept"), "compatible-with="+with):
				return http.StatusBadRequest, fmt.Sprintf("a compatible version is required on both Content-Type and Accept headers, got [%s]", v[0])
			}
		} else if strings.Contains(v[0], "vnd.elasticsearch") {
			return http.StatusNotAcceptable, fmt.Sprintf("the %s header [%s] is not supported", name, v[0])
		}
	}
	return 0, ""
}

func (s *Server) root(w http.ResponseWriter) {
	version, tagline := map[string]string{"number": s.Version}, "You Know, for Search"
	if s.Product == "OpenSearch" {
		version["distribution"], tagline = "opensearch", "The OpenSearch Project: https://opensearch.org/"
	}
	answer(w, http.StatusOK, map[string]any{"name": "fake", "version": version, "tagline": tagline})
}

// store keeps templates and policies. OpenSearch does not replace a policy unless it
// is told which version of it.
func (s *Server) store(w http.ResponseWriter, r *http.Request, body []byte) {
	if !json.Valid(body) {
		refuse(w, http.StatusBadRequest, "parse_exception", "no JSON")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.put == nil {
		s.put = map[string]json.RawMessage{}
	}
	ism := strings.HasPrefix(r.URL.Path, "/_plugins/_ism/")
	switch {
	case ism && s.Product != "OpenSearch", strings.HasPrefix(r.URL.Path, "/_ilm/") && s.Product != "Elasticsearch":
		answer(w, http.StatusBadRequest, map[string]any{"error": "no handler found for uri [" + r.URL.Path + "] and method [PUT]"})
		return
	case ism && s.put[r.URL.Path] != nil && r.URL.Query().Get("if_seq_no") == "":
		refuse(w, http.StatusConflict, "version_conflict_engine_exception", "document already exists")
		return
	}
	s.put[r.URL.Path] = body
	answer(w, http.StatusOK, map[string]any{"acknowledged": true})
}

func (s *Server) get(w http.ResponseWriter, r *http.Request) {
	body := s.Put(r.URL.Path)
	if body == nil {
		refuse(w, http.StatusNotFound, "resource_not_found_exception", "there is no "+r.URL.Path)
		return
	}
	answer(w, http.StatusOK, map[string]any{"_seq_no": 7, "_primary_term": 1, "policy": body})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // who has hung up needs no answer
}

func refuse(w http.ResponseWriter, status int, typ, reason string) {
	answer(w, status, map[string]any{"status": status, "error": map[string]any{"type": typ, "reason": reason}})
}
