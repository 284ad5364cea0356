package shop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/clewhq/clew/propagate"
	"github.com/clewhq/clew/trace"
)

// maxBody bounds every message of the shop.
const maxBody = 64 << 10

// newClient is the HTTP client of every service: traced, with connections that belong to no request.
func newClient() *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	return &http.Client{
		Timeout: 10 * time.Second,
		Transport: trace.Transport(&http.Transport{
			DialContext:         propagate.DialContext(dialer.DialContext),
			MaxIdleConnsPerHost: 64,
		}),
	}
}

// post sends in as JSON and reads the answer into out, unless out is nil.
func post(ctx context.Context, client *http.Client, url string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("post %s: %w", url, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return fmt.Errorf("post %s: read answer: %w", url, err)
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("post %s: %s: %s", url, resp.Status, bytes.TrimSpace(got))
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(got, out); err != nil {
		return fmt.Errorf("post %s: read answer: %w", url, err)
	}
	return nil
}

// receive reads the request's JSON into v; when it cannot, it has answered and says false.
func receive(w http.ResponseWriter, r *http.Request, v any) bool {
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(v)
	if err != nil {
		http.Error(w, "read request: "+err.Error(), http.StatusBadRequest)
	}
	return err == nil
}

// answer writes v as JSON.
func answer(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a caller that has hung up needs no answer
}

// refuse answers for a failure further down the line.
func refuse(w http.ResponseWriter, err error) {
	http.Error(w, err.Error(), http.StatusBadGateway)
}
