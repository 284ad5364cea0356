package ship

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clewhq/clew/internal/essink"
	"github.com/clewhq/clew/internal/essink/estest"
	"github.com/clewhq/clew/internal/spool"
)

// BenchmarkShip brings documents from a spool to a local OpenSearch and, in turns,
// sends the same bulk bodies in a bare loop: ready-made, from memory, as many at a
// time, answers read and thrown away. One op is a round of both, each into a stream
// of its own. ratio is the median of the rounds, low and high the extremes.
//
//	go test ./internal/ship -run '^$' -bench Ship -benchtime 7x
func BenchmarkShip(b *testing.B) {
	const docs = 30_000
	server := estest.Start(b, "opensearch")
	defer http.DefaultClient.CloseIdleConnections()
	sink, err := essink.New(essink.Config{URL: server.URL})
	if err != nil {
		b.Fatal(err)
	}
	more := `,"message":"POST /orders/{id}/pay 201","event":{"kind":"event","duration":1523011},"trace":{"id":"0af7651916cd43dd8448eb211c80319c"},` +
		`"http":{"request":{"method":"POST","body":{"bytes":120}},"response":{"status_code":201,"body":{"bytes":64}},"route":"/orders/{id}/pay"},` +
		`"url":{"scheme":"https","path":"/orders/4711/pay","domain":"shop.example"},"client":{"address":"203.0.113.9"},"service":{"name":"gateway"}`
	dir := b.TempDir()
	fill(b, dir, 0, docs, more)
	bodies := readyMade(b, dir)
	var ratios, bare, ours []float64
	round := 0
	for b.Loop() {
		round++
		var took [2]time.Duration
		for i := range took { // in turns, so that neither always comes first
			who := (i + round) % 2
			stream := fmt.Sprintf("logs-clew.bench-%d-%d", round, who)
			prepare(b, sink, stream)
			began := time.Now()
			if who == 0 {
				bareLoop(b, server.URL+"/"+stream+"/_bulk", bodies)
			} else {
				shipAll(b, dir, sink, stream, docs)
			}
			took[who] = time.Since(began)
			if _, err := sink.Call(b.Context(), http.MethodDelete, "/_data_stream/"+stream, nil); err != nil {
				b.Fatal(err)
			}
		}
		bare, ours = append(bare, docs/took[0].Seconds()), append(ours, docs/took[1].Seconds())
		ratios = append(ratios, took[0].Seconds()/took[1].Seconds())
	}
	b.ReportMetric(median(bare), "bare-docs/s")
	b.ReportMetric(median(ours), "ship-docs/s")
	b.ReportMetric(median(ratios), "ratio")
	b.ReportMetric(slices.Min(ratios), "low")
	b.ReportMetric(slices.Max(ratios), "high")
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

func prepare(b *testing.B, sink essink.Bulk, stream string) {
	b.Helper()
	f, err := sink.Ping(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	steps, err := essink.Plan(f, essink.Stream{Name: stream})
	if err != nil {
		b.Fatal(err)
	}
	for _, s := range steps {
		if err := s.Apply(b.Context(), sink); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := sink.Call(b.Context(), http.MethodPut, "/_data_stream/"+stream, nil); err != nil {
		b.Fatal(err)
	}
}

// readyMade are the bulk bodies of a spool, as many documents in each as a Shipper
// has.
func readyMade(b *testing.B, dir string) (bodies []string) {
	b.Helper()
	r := spool.NewReader(dir, spool.Cursor{})
	defer func() { _ = r.Close() }()
	var body bytes.Buffer
	for n := 1; ; n++ {
		rec, err := r.Next()
		if err == nil {
			fmt.Fprintf(&body, "{\"create\":{\"_id\":\"%s\"}}\n%s\n", rec.ID(), rec.Data)
		}
		if n%DefaultBatchDocs == 0 || err != nil && body.Len() > 0 {
			bodies = append(bodies, body.String())
			body.Reset()
		}
		if errors.Is(err, io.EOF) {
			return bodies
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func bareLoop(b *testing.B, url string, bodies []string) {
	b.Helper()
	next := make(chan string)
	var senders sync.WaitGroup
	for range DefaultInFlight {
		senders.Go(func() {
			for body := range next {
				resp, err := http.Post(url, "application/x-ndjson", strings.NewReader(body))
				if err != nil {
					b.Error(err)
					continue
				}
				answer, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close() // it has been read
				if err != nil || resp.StatusCode != http.StatusOK || !bytes.Contains(answer[:100], []byte(`"errors":false`)) {
					b.Errorf("%d %.200s %v", resp.StatusCode, answer, err)
				}
			}
		})
	}
	for _, body := range bodies {
		next <- body
	}
	close(next)
	senders.Wait()
}

// shipAll ships the spool from its beginning.
func shipAll(b *testing.B, dir string, sink essink.Bulk, stream string, docs uint64) {
	b.Helper()
	if err := (spool.Cursor{}).Save(dir); err != nil {
		b.Fatal(err)
	}
	s, err := Open(Config{Spool: dir, Sink: sink, Index: stream})
	if err != nil {
		b.Fatal(err)
	}
	if err := s.Flush(context.Background()); err != nil {
		b.Fatal(err)
	}
	if st := s.Stats(); st.Stored != docs || st.Retries > 0 {
		b.Fatalf("%+v", st)
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}
