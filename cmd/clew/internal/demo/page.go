package demo

import (
	"context"
	"fmt"
	"html"
	"io"
	"net/http"
	"strings"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/cmd/clew/internal/shop"
)

// maxPage bounds what is read of a page.
const maxPage = 16 << 20

// pageShows asks the page, as a browser would, for its list and for a trace. It answers the trace's URL
// when the list leads there and the trace's page names every hop.
func pageShows(ctx context.Context, base string, id oteltrace.TraceID, hops []shop.Hop) (string, error) {
	list, err := get(ctx, base)
	if err != nil {
		return "", err
	}
	path := "?trace=" + id.String()
	if !strings.Contains(list, path) {
		return "", fmt.Errorf("%s does not lead to %s", base, path)
	}
	// Filtered by the id, the lists name no other trace: what is named then is in the tree.
	tree, err := get(ctx, base+path+"&q="+id.String())
	if err != nil {
		return "", err
	}
	for _, h := range hops {
		if !strings.Contains(tree, h.Name) {
			return "", fmt.Errorf("%s%s does not name the hop %q", base, path, h.Name)
		}
	}
	return base + path, nil
}

// get is the text of a page.
func get(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	// A transport of its own: nothing of it is left when the page is closed.
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", url, resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxPage))
	if err != nil {
		return "", fmt.Errorf("%s: %w", url, err)
	}
	return html.UnescapeString(string(body)), nil
}
