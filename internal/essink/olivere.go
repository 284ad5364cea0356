package essink

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/olivere/elastic/v7"
)

// New returns the server of c. It does not connect yet.
//
// It stands on the BulkService of olivere/elastic, which sends what it is given and
// returns what the server says, item by item. Not on its BulkProcessor, which loses
// documents without a word: docs/design/0003-spool.md has the list.
func New(c Config) (Bulk, error) {
	t, err := c.transport()
	if err != nil {
		return nil, err
	}
	client, err := elastic.NewSimpleClient(
		elastic.SetURL(t.url.String()),
		elastic.SetHttpClient(c.client(t)),
		elastic.SetSniff(false), // it would look for nodes past every proxy
		elastic.SetHealthcheck(false),
	)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", t.url, err)
	}
	return &olivere{client, t}, nil
}

type olivere struct {
	client *elastic.Client
	t      *transport
}

func (o *olivere) Do(ctx context.Context, index string, docs []Doc) ([]Result, error) {
	ctx, seen := noted(ctx)
	bulk := o.client.Bulk().Index(index).FilterPath(answerFields...)
	for _, d := range docs {
		bulk.Add(elastic.NewBulkCreateRequest().Id(d.ID).Doc(json.RawMessage(d.Body)))
	}
	answer, err := bulk.Do(ctx)
	if err != nil {
		return nil, translate(err, seen)
	}
	if len(answer.Items) != len(docs) {
		return nil, errShort(len(docs), len(answer.Items))
	}
	results := make([]Result, len(docs))
	for i, item := range answer.Items {
		for _, r := range item { // of one entry: the operation
			results[i] = Result{Status: r.Status}
			if e := r.Error; e != nil && !results[i].Stored() {
				results[i].Reason = reasonOf(e.Type, e.Reason, causeOf(e.CausedBy))
			}
		}
	}
	return results, nil
}

func (o *olivere) Ping(ctx context.Context) (Flavor, error) { return ping(ctx, o.t, o.Call) }

func (o *olivere) Call(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	ctx, seen := noted(ctx)
	path, query, _ := strings.Cut(path, "?")
	params, err := url.ParseQuery(query)
	if err != nil {
		return nil, err
	}
	opts := elastic.PerformRequestOptions{Method: method, Path: path, Params: params}
	if body != nil {
		opts.Body = string(body)
	}
	answer, err := o.client.PerformRequest(ctx, opts)
	if err != nil {
		return nil, translate(err, seen)
	}
	return answer.Body, nil
}

// translate makes an Error of what olivere returns for an answer. It tells neither
// the answer's headers nor, if the body is not as it expects, why.
func translate(err error, seen *note) error {
	if seen.refused() {
		return seen.refusal()
	}
	return err
}

func causeOf(by map[string]any) string {
	reason, _ := by["reason"].(string)
	return reason
}
