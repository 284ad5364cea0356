package essink

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clewhq/clew/internal/essink/esfake"
	"github.com/clewhq/clew/internal/essink/estest"
)

// implementations are all there are; every test of what a Bulk does runs on each.
var implementations = []struct {
	name string
	new  func(Config) (Bulk, error)
}{{"olivere", New}, {"plain", NewPlain}}

func each(t *testing.T, c Config, test func(t *testing.T, b Bulk)) {
	t.Helper()
	for _, impl := range implementations {
		t.Run(impl.name, func(t *testing.T) {
			b, err := impl.new(c)
			if err != nil {
				t.Fatal(err)
			}
			test(t, b)
		})
	}
}

func fake(t *testing.T, s *esfake.Server) Config {
	t.Helper()
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return Config{URL: srv.URL}
}

// doc has an id and a time, and what is special about it.
func doc(id, more string) Doc {
	return Doc{id, []byte(`{"@timestamp":"2026-11-22T18:25:07.064123456Z","message":"` + id + `"` + more + `}`)}
}

// conforms is what a Bulk has to do on any server that takes data streams, real or
// not. It sets up a stream of its own.
func conforms(t *testing.T, b Bulk, product string) {
	ctx := t.Context()
	f, err := b.Ping(ctx)
	if err != nil || f.Product != product || f.Major == 0 {
		t.Fatalf("Ping: %v, %v; want a %s", f, err, product)
	}
	name := "logs-clew.conform-" + strings.ToLower(t.Name()[strings.LastIndex(t.Name(), "/")+1:])
	steps, err := Plan(f, Stream{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // it can be done again
		for _, s := range steps {
			if err := s.Apply(ctx, b); err != nil {
				t.Fatal(err)
			}
		}
	}
	do := func(docs ...Doc) []int {
		t.Helper()
		results, err := b.Do(ctx, name, docs)
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for _, r := range results {
			got = append(got, r.Status)
			if r.Stored() != (r.Reason == "") {
				t.Errorf("result %+v: a reason is for those that are not stored", r)
			}
		}
		return got
	}
	if diff := cmp.Diff([]int{201, 201}, do(doc("a_-1", ""), doc("b", `,"n":1`))); diff != "" {
		t.Errorf("new documents (-want +got):\n%s", diff)
	}
	// What was sent before is there already; what can't be stored does not harm the rest.
	bad := Doc{"c", []byte(`{"message":"no timestamp"}`)}
	if diff := cmp.Diff([]int{409, 400, 201}, do(doc("a_-1", ""), bad, doc("d", ""))); diff != "" {
		t.Errorf("a mixed batch (-want +got):\n%s", diff)
	}
	var answer *Error
	if _, err := b.Call(ctx, http.MethodGet, "/no_such_index_here", nil); !errors.As(err, &answer) || answer.Status != 404 || answer.Reason == "" {
		t.Errorf("an index that is not there: %v, want a 404 with a reason", err)
	}
	// An empty request and bad media types are refused by real servers; see that ours
	// are right by what comes through.
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := b.Do(gone, name, []Doc{doc("e", "")}); !errors.Is(err, context.Canceled) {
		t.Errorf("Do with a done context: %v", err)
	}
}

func TestConformance(t *testing.T) {
	for _, s := range []*esfake.Server{
		{Product: Elasticsearch, Version: "7.17.29"},
		{Product: Elasticsearch, Version: "8.19.7"},
		{Product: Elasticsearch, Version: "9.3.0"},
		{Product: OpenSearch, Version: "2.19.4"},
	} {
		t.Run(s.Product+s.Version, func(t *testing.T) {
			each(t, fake(t, s), func(t *testing.T, b Bulk) { conforms(t, b, s.Product) })
		})
	}
}

func TestConformanceOfRealServers(t *testing.T) {
	for _, c := range []struct{ product, name string }{{OpenSearch, "opensearch"}, {Elasticsearch, "elasticsearch"}} {
		t.Run(c.product, func(t *testing.T) {
			t.Parallel()
			s := estest.Start(t, c.name)
			each(t, Config{URL: s.URL}, func(t *testing.T, b Bulk) {
				conforms(t, b, c.product)
				searchBack(t, b)
			})
			t.Run("plans", func(t *testing.T) { realPlans(t, s.URL) })
			t.Run("fake", func(t *testing.T) { sameAsFake(t, s.URL, c.product) })
		})
	}
}

// searchBack finds a document by its trace id, in a stream that was set up for it.
func searchBack(t *testing.T, b Bulk) {
	ctx := t.Context()
	f, err := b.Ping(ctx)
	if err != nil {
		t.Fatal(err)
	}
	name := "logs-clew.search-" + strings.ToLower(t.Name()[strings.LastIndex(t.Name(), "/")+1:])
	steps, err := Plan(f, Stream{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		if err := s.Apply(ctx, b); err != nil {
			t.Fatal(err)
		}
	}
	const id = "0af7651916cd43dd8448eb211c80319c"
	docs := []Doc{
		doc("one", `,"trace":{"id":"`+id+`"},"url":{"path":"/pay"},"event":{"duration":12}`),
		doc("two", `,"trace":{"id":"1af7651916cd43dd8448eb211c80319c"}`),
	}
	if _, err := b.Do(ctx, name, docs); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Call(ctx, http.MethodPost, "/"+name+"/_refresh", nil); err != nil {
		t.Fatal(err)
	}
	body, err := b.Call(ctx, http.MethodPost, "/"+name+"/_search", []byte(`{"query":{"term":{"trace.id":"`+id+`"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	var found struct {
		Hits struct {
			Hits []struct {
				ID    string `json:"_id"`
				Index string `json:"_index"`
			} `json:"hits"`
		} `json:"hits"`
	}
	if err := json.Unmarshal(body, &found); err != nil {
		t.Fatal(err)
	}
	if h := found.Hits.Hits; len(h) != 1 || h[0].ID != "one" || !strings.HasPrefix(h[0].Index, ".ds-") {
		t.Errorf("found %s, want the one document, in a backing index", body)
	}
}

// realPlans puts what both schemas need on a real server, with retention as far as
// the minimal distribution has it.
func realPlans(t *testing.T, url string) {
	b, err := New(Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	f, err := b.Ping(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, otel := range []bool{false, true} {
		steps, err := Plan(f, Stream{Name: fmt.Sprintf("logs-clew.plan-%v", otel), OTel: otel, Retention: 30 * 24 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range steps {
			if err := s.Apply(t.Context(), b); err != nil && (!s.Policy || !errors.Is(err, ErrNoPolicies)) {
				t.Error(err)
			}
		}
	}
}

// sameAsFake sends what loses documents, by hand, to a real server and to the fake,
// and wants the same answer: the fake must not become kinder than what it stands for.
func sameAsFake(t *testing.T, real, product string) {
	version := map[string]string{OpenSearch: "2.19.4", Elasticsearch: "8.19.7"}[product]
	pretend := fake(t, &esfake.Server{Product: product, Version: version}).URL
	const name = "logs-clew.fake-default"
	b, err := New(Config{URL: real})
	if err != nil {
		t.Fatal(err)
	}
	f, err := b.Ping(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	steps, err := Plan(f, Stream{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		if err := s.Apply(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	const stamp = `{"@timestamp":"2026-11-22T18:25:07Z"}`
	for _, c := range []struct {
		name, body string
		header     http.Header
	}{
		{"two content types", `{"create":{"_id":"1"}}` + "\n" + stamp + "\n", http.Header{"Content-Type": {"application/x-ndjson", "application/json"}}},
		{"no line break at the end", `{"create":{"_id":"1"}}` + "\n" + stamp, nil},
		{"empty", "", nil},
		{"index operation", `{"index":{"_id":"1"}}` + "\n" + stamp + "\n", nil},
		{"the same id twice", `{"create":{"_id":"2"}}` + "\n" + stamp + "\n" + `{"create":{"_id":"2"}}` + "\n" + stamp + "\n", nil},
		{"no timestamp", `{"create":{"_id":"3"}}` + "\n{}\n", nil},
		{"no JSON", `{"create":{"_id":"4"}}` + "\n{\"@timestamp\n", nil},
		{"not UTF-8", `{"create":{"_id":"5"}}` + "\n" + `{"@timestamp":"2026-11-22T18:25:07Z","a":"` + "\xff" + `"}` + "\n", nil},
		{"long id", `{"create":{"_id":"` + strings.Repeat("x", 513) + `"}}` + "\n" + stamp + "\n", nil},
		{"own media type", `{"create":{"_id":"6"}}` + "\n" + stamp + "\n", http.Header{"Content-Type": {"application/vnd.elasticsearch+x-ndjson;compatible-with=8"}}},
		{"media type of long ago", `{"create":{"_id":"7"}}` + "\n" + stamp + "\n", http.Header{"Content-Type": {"application/vnd.elasticsearch+x-ndjson;compatible-with=6"}}},
	} {
		if want, got := statuses(t, real, name, c.body, c.header), statuses(t, pretend, name, c.body, c.header); want != got {
			t.Errorf("%s: the fake answers %s, the real one %s", c.name, got, want)
		}
	}
}

// statuses is the status of a bulk request, and of each of its items.
func statuses(t *testing.T, url, index, body string, header http.Header) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/"+index+"/_bulk", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	maps.Copy(req.Header, header)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Items []map[string]struct {
			Status int `json:"status"`
		} `json:"items"`
	}
	got := fmt.Sprint(resp.StatusCode)
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return got
	}
	for _, item := range answer.Items {
		for _, r := range item {
			got += fmt.Sprint(" ", r.Status)
		}
	}
	return got
}
