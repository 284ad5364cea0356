package ship

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/internal/essink"
	"github.com/clewhq/clew/internal/essink/estest"
)

// victimVar makes this test's binary a program that ships to a server until it is
// killed; spoolVar names the spool.
const (
	victimVar = "CLEW_SHIP_VICTIM"
	spoolVar  = "CLEW_SHIP_SPOOL"
)

func victim(url string) {
	sink, err := essink.New(essink.Config{URL: url})
	if err == nil {
		var s *Shipper
		if s, err = Open(Config{Spool: os.Getenv(spoolVar), Sink: sink, Index: index, BatchDocs: 200}); err == nil {
			err = s.Run(context.Background())
		}
	}
	fmt.Fprintln(os.Stderr, err)
}

// kills is how often the shipper is killed, and the server a fifth as often.
func kills(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("CLEW_KILLS"))
	if err != nil {
		return 5
	}
	t.Logf("killing the shipper %d times, the server %d times", n, (n+4)/5)
	return n
}

// Documents are written, shipped and lost sight of, with the shipper killed again
// and again, and the server, while they are at it. In the end every document of the
// spool is on the server, once.
func TestKilledWhileShipping(t *testing.T) {
	server := estest.Start(t, "opensearch")
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	sink, err := essink.New(essink.Config{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	setUp(t, sink)
	const each = 3000
	dir := t.TempDir()
	total := 0
	for i := range kills(t) {
		fill(t, dir, total, total+each, `,"text":"`+strings.Repeat("x", 300)+`"`)
		total += each
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), victimVar+"="+server.URL, spoolVar+"="+dir)
		cmd.Stderr = os.Stderr
		before := stored(t, sink)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Kill at a random place: after so many documents more.
		mark := before + rand.IntN(each)
		for deadline := time.Now().Add(patience); stored(t, sink) <= mark; {
			if time.Now().After(deadline) {
				t.Fatalf("the shipper does not get past %d documents", stored(t, sink))
			}
		}
		if i%5 == 0 {
			server.Kill()
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
		if i%5 == 0 {
			server.Restart()
		}
	}
	st := mustFlush(t, Config{Spool: dir, Sink: sink, Index: index}).Stats()
	t.Logf("%d documents; the last time: %+v", total, st)
	if got := stored(t, sink); got != total {
		t.Errorf("%d documents on the server, want %d", got, total)
	}
	if n := distinct(t, sink); n != total {
		t.Errorf("%d different numbers among them, want %d", n, total)
	}
	if st.Dead != 0 || st.Lost != 0 {
		t.Errorf("%+v", st)
	}
}

func setUp(t testing.TB, sink essink.Bulk) {
	t.Helper()
	f, err := sink.Ping(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	steps, err := essink.Plan(f, essink.Stream{Name: index})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		if err := s.Apply(context.Background(), sink); err != nil {
			t.Fatal(err)
		}
	}
}

// stored is how many documents the server has.
func stored(t testing.TB, sink essink.Bulk) int {
	t.Helper()
	var answer struct {
		Count int `json:"count"`
	}
	ask(t, sink, "_count", `{"query":{"match_all":{}}}`, &answer)
	return answer.Count
}

// distinct is how many different values the field n has in them.
func distinct(t testing.TB, sink essink.Bulk) int {
	t.Helper()
	seen := map[int]bool{}
	for after := -1; ; {
		var page struct {
			Hits struct {
				Hits []struct {
					Source struct{ N int } `json:"_source"`
				} `json:"hits"`
			} `json:"hits"`
		}
		ask(t, sink, "_search", fmt.Sprintf(`{"size":10000,"_source":["n"],"sort":[{"n":"asc"}],"search_after":[%d]}`, after), &page)
		if len(page.Hits.Hits) == 0 {
			return len(seen)
		}
		for _, h := range page.Hits.Hits {
			seen[h.Source.N] = true
			after = h.Source.N
		}
	}
}

func ask(t testing.TB, sink essink.Bulk, what, query string, into any) {
	t.Helper()
	ctx := context.Background()
	if _, err := sink.Call(ctx, http.MethodPost, "/"+index+"/_refresh", nil); err != nil && strings.Contains(err.Error(), "404") {
		return // not begun
	} else if err != nil {
		t.Fatal(err)
	}
	body, err := sink.Call(ctx, http.MethodPost, "/"+index+"/"+what, []byte(query))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, into); err != nil {
		t.Fatal(err)
	}
}
