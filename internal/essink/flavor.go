package essink

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// call is [Bulk.Call] of either implementation.
type call func(ctx context.Context, method, path string, body []byte) ([]byte, error)

// ping asks the server what it is and tells t.
func ping(ctx context.Context, t *transport, do call) (Flavor, error) {
	ctx, seen := noted(ctx)
	body, err := do(ctx, http.MethodGet, "/", nil)
	elastic := seen.header.Get("X-Elastic-Product") == "Elasticsearch"
	var answer *Error
	switch {
	case err == nil:
	case elastic && errors.As(err, &answer) && answer.Status == http.StatusMethodNotAllowed:
		// A distribution without the module that answers there.
		return pingNode(ctx, t, do)
	default:
		return Flavor{}, err
	}
	var root struct {
		Tagline string `json:"tagline"`
		Version struct {
			Number       string `json:"number"`
			Distribution string `json:"distribution"`
		} `json:"version"`
	}
	if err := json.Unmarshal(body, &root); err != nil {
		return Flavor{}, fmt.Errorf("%s is neither Elasticsearch nor OpenSearch: %w", t.url, err)
	}
	switch {
	case root.Version.Distribution == "opensearch", strings.Contains(root.Tagline, "OpenSearch"):
		return t.learn(OpenSearch, root.Version.Number)
	case elastic, root.Tagline == "You Know, for Search":
		return t.learn(Elasticsearch, root.Version.Number)
	}
	return Flavor{}, fmt.Errorf("%s is neither Elasticsearch nor OpenSearch: it says %.100q", t.url, body)
}

func pingNode(ctx context.Context, t *transport, do call) (Flavor, error) {
	body, err := do(ctx, http.MethodGet, "/_nodes/_local?filter_path=nodes.*.version", nil)
	if err != nil {
		return Flavor{}, err
	}
	var local struct {
		Nodes map[string]struct {
			Version string `json:"version"`
		} `json:"nodes"`
	}
	if err := json.Unmarshal(body, &local); err != nil {
		return Flavor{}, fmt.Errorf("read the version of %s: %w", t.url, err)
	}
	for _, n := range local.Nodes {
		return t.learn(Elasticsearch, n.Version)
	}
	return Flavor{}, fmt.Errorf("%s does not tell its version", t.url)
}

func (t *transport) learn(product, version string) (Flavor, error) {
	f := Flavor{Product: product, Version: version}
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	var errs [2]error
	f.Major, errs[0] = strconv.Atoi(major)
	f.Minor, errs[1] = strconv.Atoi(minor)
	if err := errors.Join(errs[:]...); err != nil {
		return Flavor{}, fmt.Errorf("read the version of %s: %q", t.url, version)
	}
	t.flavor.Store(&f)
	return f, nil
}
