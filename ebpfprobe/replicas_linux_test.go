package ebpfprobe

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/clewhq/clew/ebpfprobe/report"
)

// TestReplica checks that what a replica is sent by its master is not taken for its
// clients' commands, though it runs them and counts them itself; and that at the master
// it is no client that waits for replies.
func TestReplica(t *testing.T) {
	master := startRedis(t, "--repl-diskless-sync-delay", "0")
	replica := startRedis(t)
	p := observe(t, Config{Ports: []int{master.port, replica.port}})
	atMaster, atReplica := master.dial(t), replica.dial(t)
	atReplica.do("REPLICAOF", "127.0.0.1", strconv.Itoa(master.port))
	const sets, gets = 200, 50
	for i := range sets {
		atMaster.do("SET", "key", fmt.Sprint(i))
	}
	eventually(t, func() error {
		if last := atReplica.do("GET", "key"); last != fmt.Sprint(sets-1) {
			return fmt.Errorf("the replica has %q", last)
		}
		return nil
	})
	// Written with the link up, these come one by one.
	for range sets {
		atMaster.do("INCR", "n")
	}
	eventually(t, func() error {
		if n := atReplica.do("GET", "n"); n != fmt.Sprint(sets) {
			return fmt.Errorf("the replica has counted to %q", n)
		}
		return nil
	})
	for range gets {
		atReplica.do("ECHO", "a")
	}
	if own := atReplica.commandstats()["INCR"]; own == 0 {
		t.Error("the replica itself does not count what it was sent: the test tells nothing")
	}
	wantMaster, wantReplica := atMaster.commandstats(), atReplica.commandstats()
	eventually(t, func() error {
		r, err := p.Report()
		if err != nil {
			t.Fatal(err)
		}
		if r.LostEvents != 0 || len(r.Servers) != 2 {
			t.Fatalf("lost %v of %d servers", r.Lost, len(r.Servers))
		}
		m, s := r.Servers[0], r.Servers[1]
		if m.Port != master.port {
			m, s = s, m
		}
		for _, name := range []string{"SET", "INCR", "DEL", "SELECT"} {
			delete(wantReplica, name) // of the master's
			if n := commandOf(s, name).Count; n != 0 {
				return fmt.Errorf("%d of the master's %ss are said to be the replica's clients'", n, name)
			}
		}
		if err := sameCounts(ofClients(s), without(wantReplica)); err != nil {
			return fmt.Errorf("replica: %w", err)
		}
		if err := sameCounts(ofClients(m), without(wantMaster)); err != nil {
			return fmt.Errorf("master: %w", err)
		}
		return nil
	})
}

// replication are the commands by which a replica keeps its link, which go on all the
// time.
var replication = []string{"REPLCONF", "PSYNC", "PING"}

func ofClients(s report.Server) []report.Command {
	return slices.DeleteFunc(slices.Clone(s.Commands), func(c report.Command) bool { return slices.Contains(replication, c.Name) })
}

func without(counts map[string]uint64) map[string]uint64 {
	for _, name := range replication {
		delete(counts, name)
	}
	return counts
}
