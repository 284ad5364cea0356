package ebpfprobe

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clewhq/clew/ebpfprobe/report"
)

// TestCounts checks that the probe counts what the server itself counts, for every
// way in which requests can come.
func TestCounts(t *testing.T) {
	tests := []struct {
		name   string
		server []string
		load   func(t *testing.T, s *server)
	}{
		{"plain", nil, func(t *testing.T, s *server) { s.benchmark(t, "-n", "3000", "-c", "10", "-t", "set,get") }},
		{"pipeline of 16", nil, func(t *testing.T, s *server) { s.benchmark(t, "-n", "16000", "-P", "16", "-d", "64", "-t", "set,get") }},
		{"pipeline of 128", nil, func(t *testing.T, s *server) { s.benchmark(t, "-n", "12800", "-P", "128", "-d", "64", "-t", "set,get") }},
		{"values of 200 KB", nil, func(t *testing.T, s *server) {
			s.benchmark(t, "-n", "400", "-d", "200000", "-c", "5", "-t", "set,get")
		}},
		{"pipelined values of 20 KB", nil, func(t *testing.T, s *server) {
			s.benchmark(t, "-n", "640", "-P", "32", "-d", "20000", "-c", "3", "-t", "set")
		}},
		{"io-threads", []string{"--io-threads", "2", "--io-threads-do-reads", "yes"}, func(t *testing.T, s *server) {
			// its threads spin: on a busy machine each turn takes a time slice
			s.benchmark(t, "-n", "500", "-c", "20", "-t", "set,get")
			s.benchmark(t, "-n", "1600", "-c", "20", "-P", "16", "-t", "set,get")
		}},
		{"RESP3", nil, func(t *testing.T, s *server) { s.benchmark(t, "-n", "1000", "-3", "-c", "4", "-t", "set,get,hset") }},
		{"MULTI", nil, transactions},
		{"inline", nil, inline},
		{"many names in a pipeline", nil, manyNames},
		{"cut anywhere", nil, cutAnywhere},
		{"pub/sub", nil, pubSub},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := startRedis(t, test.server...)
			admin := s.dial(t)
			admin.do("CONFIG", "RESETSTAT")
			p := observe(t, Config{Ports: []int{s.port}})
			test.load(t, s)
			want := admin.commandstats()
			delete(want, "CONFIG") // the reset itself came before the probe
			if len(want) == 0 {
				t.Fatal("the server has counted nothing")
			}
			eventually(t, func() error { return sameCounts(only(t, p).Commands, want) })
		})
	}
}

func transactions(t *testing.T, s *server) {
	c := s.dial(t)
	for i := range 50 {
		c.do("MULTI")
		c.do("SET", "k", fmt.Sprint(i))
		c.do("INCRBY", "k", "7")
		c.do("EXEC")
		c.send(command("MULTI") + command("GET", "k") + command("GET", "k") + command("EXEC"))
		for range 4 {
			c.reply()
		}
	}
}

func inline(t *testing.T, s *server) {
	c := s.dial(t)
	for range 50 {
		c.send("PING\r\n")
		c.reply()
		c.send("  set key some-value\n")
		c.reply()
		c.send("\r\n\r\nget key\r\n" + command("GET", "key") + "ECHO hello\r\n")
		for range 3 {
			c.reply()
		}
	}
}

// manyNames sends pipelines in which no name follows itself.
func manyNames(t *testing.T, s *server) {
	c := s.dial(t)
	names := []string{"GET a", "SET a 1", "INCR a", "DECR a", "APPEND b x", "STRLEN b", "EXISTS a", "TTL a"}
	var b strings.Builder
	for range 20 {
		for _, n := range names {
			b.WriteString(command(strings.Fields(n)...))
		}
	}
	c.send(b.String())
	for range 20 * len(names) {
		c.reply()
	}
}

// cutAnywhere sends every byte by itself, and then pieces of each length.
func cutAnywhere(t *testing.T, s *server) {
	c := s.dial(t)
	stream := command("SET", "key", strings.Repeat("v", 70)) + command("get", "key") + "PING\r\n" + command("SETRANGE", "key", "3", "*1\r\n$4\r\nPING\r\n")
	for piece := 1; piece < 40; piece++ {
		for rest := stream; rest != ""; {
			n := min(piece, len(rest))
			c.send(rest[:n])
			rest = rest[n:]
		}
		for range 4 {
			c.reply()
		}
	}
}

func pubSub(t *testing.T, s *server) {
	sub, pub := s.dial(t), s.dial(t)
	sub.do("SUBSCRIBE", "news")
	for range 100 {
		pub.do("PUBLISH", "news", "something")
		sub.reply()
	}
}

// sameCounts compares all but INFO and CONFIG, which the test itself sends. A
// request is counted when it is read, but its reply may reach the client before the
// service time is.
func sameCounts(got []report.Command, want map[string]uint64) error {
	counts := map[string]uint64{}
	for _, c := range got {
		if c.Name != "INFO" && c.Name != "CONFIG" {
			counts[c.Name] = c.Count
		}
		if c.Phases.Service.Count != c.Count && c.Name != "INFO" {
			return fmt.Errorf("%s: %d service times of %d requests", c.Name, c.Phases.Service.Count, c.Count)
		}
		if n := c.Phases.Wait.Count; n > c.Count {
			return fmt.Errorf("%s: %d waits of %d requests", c.Name, n, c.Count)
		}
	}
	expected := maps.Clone(want)
	delete(expected, "INFO")
	delete(expected, "CONFIG")
	if diff := cmp.Diff(expected, counts); diff != "" {
		return fmt.Errorf("counts (-server +probe):\n%s", diff)
	}
	return nil
}
