//go:build amd64 || arm64

package ebpfprobe

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"

	"github.com/clewhq/clew/ebpfprobe/report"
)

// traced calls f on this goroutine, which carries new ids meanwhile.
func traced(f func(trace, span string)) {
	id := make([]byte, 24)
	_, _ = rand.Read(id) // never fails
	trace, span := hex.EncodeToString(id[:16]), hex.EncodeToString(id[16:])
	pprof.Do(context.Background(), pprof.Labels("trace_id", trace, "span_id", span), func(context.Context) { f(trace, span) })
}

// introduce has this process become known to the probe as a Go client.
func introduce(t *testing.T, s *server, p *Probe) {
	t.Helper()
	c := s.dial(t)
	eventually(t, func() error {
		traced(func(string, string) { c.do("PING") })
		r := only(t, p)
		if n := len(r.Slow); n == 0 || r.Slow[n-1].TraceID == "" {
			return fmt.Errorf("the probe does not know this client; %d samples", n)
		}
		return nil
	})
}

// TestTraceIDs has each command of a Go client carry an id, as its goroutine's label
// and in its payload: the probe must name the same, of every command. Its list of
// samples holds the newest 200. A busy kernel may let the probe read of the reply
// before the client's write has ended, so there are several attempts to name all;
// none may be named wrong.
func TestTraceIDs(t *testing.T) {
	s := startRedis(t)
	p := observe(t, Config{Ports: []int{s.port}, TraceIDs: true, SampleEvery: 1, ShowArguments: true})
	introduce(t, s, p)
	const clients, commands = 4, 40
	conns := [clients]*conn{}
	for i := range conns {
		conns[i] = s.dial(t)
	}
	var err error
	for range 5 {
		var wg sync.WaitGroup
		var mu sync.Mutex
		sent := map[string]bool{}
		for _, c := range conns {
			wg.Go(func() {
				for range commands {
					traced(func(trace, span string) {
						mu.Lock()
						sent[trace+span] = true
						mu.Unlock()
						c.do("SET", "key", "ids:"+trace+span)
					})
				}
			})
		}
		wg.Wait()
		if err = named(t, p, sent); err == nil {
			return
		}
		t.Log(err)
	}
	t.Error(err)
}

// named checks that the samples of all commands sent bear the ids of their payload.
func named(t *testing.T, p *Probe, sent map[string]bool) error {
	t.Helper()
	var unnamed, right int
	eventually(t, func() error { // the last reply may not be noted yet
		unnamed, right = 0, 0
		for _, b := range only(t, p).Slow {
			_, ids, ok := strings.Cut(b.Text, "ids:")
			if !ok || len(ids) < 48 || !sent[ids[:48]] {
				continue
			}
			switch b.TraceID + b.SpanID {
			case ids[:48]:
				right++
			case "":
				unnamed++
			default:
				t.Fatalf("%s is said to be of trace %s, span %s", b.Text, b.TraceID, b.SpanID)
			}
		}
		if right+unnamed < len(sent) {
			return fmt.Errorf("%d of %d commands are sampled", right+unnamed, len(sent))
		}
		return nil
	})
	if unnamed > 0 {
		return fmt.Errorf("%d of %d commands have no trace id", unnamed, len(sent))
	}
	return nil
}

// TestBlameNamesTrace has requests wait behind a script that a Go client sends in a
// trace: they must be charged to that trace and span, and to the client's address.
func TestBlameNamesTrace(t *testing.T) {
	s := startRedis(t)
	p := observe(t, Config{Ports: []int{s.port}, TraceIDs: true, SampleEvery: 1, SlowThreshold: late})
	introduce(t, s, p)
	runner, victim := s.dial(t), s.dial(t)
	eventually(t, func() error {
		var want report.Blame
		traced(func(trace, span string) {
			want = report.Blame{By: "EVAL", Client: runner.LocalAddr().String(), TraceID: trace, SpanID: span}
			runner.send(command("EVAL", busy, "0", steps))
		})
		victim.do("GET", "key") // meets it, unless the server has not begun; then the next does
		victim.do("GET", "key")
		runner.reply()
		blames := only(t, p).Blame
		for _, b := range blames {
			got := report.Blame{By: b.By, Client: b.Client, TraceID: b.TraceID, SpanID: b.SpanID}
			if fmt.Sprint(got) == fmt.Sprint(want) && len(b.Victims) == 1 && b.Victims[0].Name == "GET" {
				return nil
			}
		}
		return fmt.Errorf("blame %+v, want %+v of GETs", blames, want)
	})
}
