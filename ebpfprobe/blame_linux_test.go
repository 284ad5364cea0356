package ebpfprobe

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/clewhq/clew/ebpfprobe/report"
)

// busy is a script that counts to its argument; to steps is 0.2 s of CPU or more.
const (
	busy  = "for i = 1, tonumber(ARGV[1]) do end return 1"
	steps = "60000000"
)

// late is the wait from which on a request must have been behind a script.
const late = 100 * time.Millisecond

// TestWaitBehindScript has a client send GETs while another runs long scripts:
// those that the client saw late must be those that waited, each charged to the
// script. Each GET comes a little later than the last, so that the script has begun;
// on a busy machine it may not have, or the client be late for want of a CPU. So
// there are several attempts, of which one must agree in everything.
func TestWaitBehindScript(t *testing.T) {
	s := startRedis(t)
	var err error
	for range 20 {
		if err = waitBehindScript(t, s); err == nil {
			return
		}
		t.Log(err)
	}
	t.Error(err)
}

func waitBehindScript(t *testing.T, s *server) error {
	p := observe(t, Config{Ports: []int{s.port}, SlowThreshold: late})
	runner, getter := s.dial(t), s.dial(t)
	var seen uint64
	const scripts = 4
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range scripts {
		runner.send(command("EVAL", busy, "0", steps))
		replied := make(chan struct{})
		go func() {
			runner.reply()
			close(replied)
		}()
		for done := false; !done; {
			<-tick.C
			start := time.Now()
			getter.do("GET", "key")
			if time.Since(start) >= late {
				seen++
			}
			select {
			case <-replied:
				done = true
			default:
			}
		}
	}
	var err error
	eventually(t, func() error {
		got := only(t, p)
		if gets := commandOf(got, "GET"); gets.Phases.Service.Count < gets.Count {
			return fmt.Errorf("%d GETs of %d have their service time", gets.Phases.Service.Count, gets.Count)
		}
		err = explained(got, seen, runner)
		return nil
	})
	return err
}

// explained compares what the probe says with what the client saw.
func explained(s report.Server, seen uint64, runner *conn) error {
	gets := commandOf(s, "GET")
	var waits uint64
	for i, n := range gets.Phases.Wait.Counts {
		if report.BucketFrom(i) >= uint64(late) {
			waits += n
		}
	}
	if waits != seen || seen == 0 {
		return fmt.Errorf("%d GETs waited for %v or more, the client saw %d late", waits, late, seen)
	}
	sum := sha1.Sum([]byte(busy))
	want := report.Blame{
		Cause: report.CauseCommand, By: "EVAL", Detail: "sha " + hex.EncodeToString(sum[:]),
		Client: runner.LocalAddr().String(), Waited: seen,
	}
	for _, b := range s.Blame {
		got := report.Blame{Cause: b.Cause, By: b.By, Detail: b.Detail, Client: b.Client, Waited: b.Waited}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			continue
		}
		if len(b.Victims) != 1 || b.Victims[0].Name != "GET" || b.Victims[0].MinNS < uint64(late) {
			return fmt.Errorf("victims of the script: %+v", b.Victims)
		}
		if b.HeldMaxNS < uint64(late) {
			return fmt.Errorf("the script is said to have held the loop for %v", time.Duration(b.HeldMaxNS))
		}
		return nil
	}
	return fmt.Errorf("blame %+v, want %+v", s.Blame, want)
}

// TestBlameNamesScript checks that a script is known however it is run, and a
// pipeline as one.
func TestBlameNamesScript(t *testing.T) {
	s := startRedis(t)
	sum := sha1.Sum([]byte(busy))
	sha := hex.EncodeToString(sum[:])
	loader := s.dial(t)
	loader.do("SCRIPT", "LOAD", busy)
	tests := []struct{ name, send, by, detail string }{
		{"EVALSHA", command("EVALSHA", sha, "0", steps), "EVALSHA", "sha " + sha},
		{"EVAL in a pipeline", command("EVAL", busy, "0", steps) + command("PING"), "EVAL", "sha " + sha + ", first of 2 commands in a pipeline"},
		{"DEBUG", command("DEBUG", "SLEEP", "0.3"), "DEBUG", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := observe(t, Config{Ports: []int{s.port}, SlowThreshold: late})
			holder, victim := s.dial(t), s.dial(t)
			var blames []report.Blame
			eventually(t, func() error {
				holder.send(test.send)
				victim.do("GET", "key")
				victim.do("GET", "key")
				holder.reply()
				if test.name == "EVAL in a pipeline" {
					holder.reply()
				}
				blames = only(t, p).Blame
				for _, b := range blames {
					if b.By == test.by && b.Detail == test.detail && b.Client == holder.LocalAddr().String() && b.Waited > 0 {
						return nil
					}
				}
				return fmt.Errorf("blame %+v, want by %s, detail %q", blames, test.by, test.detail)
			})
		})
	}
}
