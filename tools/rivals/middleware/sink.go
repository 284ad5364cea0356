package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// serveSink is the process that receives spans, until its standard input ends. It
// answers GET /SIDE with how many there were from that side, of which kind and with
// how many attributes.
func serveSink() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	go func() { _ = http.Serve(l, &counter{sides: map[string]*tally{}}) }()
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

type tally struct{ spans, servers, attributes int }

type counter struct {
	mu    sync.Mutex
	sides map[string]*tally
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	side, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	body, err := io.ReadAll(r.Body)
	var m coltracepb.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &m)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.sides[side]
	if t == nil {
		t = &tally{}
		c.sides[side] = t
	}
	if r.Method == http.MethodGet {
		fmt.Fprintln(w, t.spans, t.servers, t.attributes)
		return
	}
	for _, rs := range m.GetResourceSpans() {
		for _, ss := range rs.GetScopeSpans() {
			for _, s := range ss.GetSpans() {
				t.spans++
				t.attributes += len(s.GetAttributes())
				if s.GetKind().String() == "SPAN_KIND_SERVER" {
					t.servers++
				}
			}
		}
	}
}

// sink is that process, seen from the one that measures.
type sink struct {
	addr string
	stop func()
}

func startSink() (*sink, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(exe, "-sink")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop := func() { _ = in.Close(); _ = cmd.Wait() }
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return nil, fmt.Errorf("start sink: %w", err)
	}
	return &sink{strings.TrimSpace(addr), stop}, nil
}

func (s *sink) count(side string) (t tally, err error) {
	resp, err := http.Get("http://" + s.addr + "/" + side)
	if err != nil {
		return t, err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return t, err
	}
	for i, f := range strings.Fields(string(b)) {
		n, err := strconv.Atoi(f)
		if err != nil {
			return t, err
		}
		*[]*int{&t.spans, &t.servers, &t.attributes}[i] = n
	}
	return t, nil
}
