package essink

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 256 << 20

// NewPlain is [New] without olivere/elastic: the way out, should that library, which
// nobody looks after any more, stand in the way.
func NewPlain(c Config) (Bulk, error) {
	t, err := c.transport()
	if err != nil {
		return nil, err
	}
	return &plain{c.client(t), t}, nil
}

type plain struct {
	client *http.Client
	t      *transport
}

func (p *plain) Do(ctx context.Context, index string, docs []Doc) ([]Result, error) {
	size := 0
	for _, d := range docs {
		size += len(d.Body) + len(d.ID) + len(`{"create":{"_id":""}}`) + 2
	}
	body := make([]byte, 0, size)
	for _, d := range docs {
		body = append(body, `{"create":{"_id":"`...)
		body = append(body, d.ID...)
		body = append(body, "\"}}\n"...)
		body = append(body, d.Body...)
		body = append(body, '\n')
	}
	answer, err := p.send(ctx, http.MethodPost, "/"+url.PathEscape(index)+"/_bulk?filter_path="+strings.Join(answerFields, ","), "application/x-ndjson", body)
	if err != nil {
		return nil, err
	}
	var items struct {
		Items []map[string]struct {
			Status int             `json:"status"`
			Error  json.RawMessage `json:"error"`
		} `json:"items"`
	}
	if err := json.Unmarshal(answer, &items); err != nil {
		return nil, fmt.Errorf("read the answer to a bulk request: %w", err)
	}
	if len(items.Items) != len(docs) {
		return nil, errShort(len(docs), len(items.Items))
	}
	results := make([]Result, len(docs))
	for i, item := range items.Items {
		for _, r := range item { // of one entry: the operation
			results[i] = Result{Status: r.Status}
			if r.Error != nil && !results[i].Stored() {
				results[i].Reason = reason(r.Error)
			}
		}
	}
	return results, nil
}

func (p *plain) Ping(ctx context.Context) (Flavor, error) { return ping(ctx, p.t, p.Call) }

func (p *plain) Call(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	return p.send(ctx, method, path, "application/json", body)
}

func (p *plain) send(ctx context.Context, method, path, contentType string, body []byte) ([]byte, error) {
	ctx, seen := noted(ctx)
	var r io.Reader
	if body != nil {
		r = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(p.t.url.String(), "/")+path, r)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if seen.refused() {
		return nil, seen.refusal()
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the server's answer: %w", err)
	}
	return answer, nil
}
