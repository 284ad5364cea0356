// Package estest runs a real Elasticsearch or OpenSearch for tests: the minimal
// distribution that tools/setup brings from Maven Central, on loopback, with a heap
// of 512 MiB.
package estest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/internal/peertest"
)

// patience is how long a server may take to start on a machine that is busy.
const patience = 4 * time.Minute

// Server is a node that runs, until the test ends.
type Server struct {
	URL  string
	t    testing.TB
	home string // the distribution
	dir  string // configuration, data and logs of this node
	name string // opensearch or elasticsearch
	cmd  *exec.Cmd
	gone chan struct{} // closed when the process has ended
}

// Start starts the server that name says, "opensearch" or "elasticsearch", and waits
// until it serves. Where it is not installed the test is skipped.
func Start(t testing.TB, name string) *Server {
	t.Helper()
	s := &Server{t: t, name: name, home: peertest.Distribution(t, name)}
	peertest.Need(t, "java")
	s.dir = t.TempDir()
	if err := s.configure(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	s.Restart()
	return s
}

// configure writes the node's configuration and lets its user have the directory:
// neither server runs as root.
func (s *Server) configure() (err error) {
	if s.home, err = within(s.home, s.dir); err != nil {
		return err
	}
	addr, err := freeAddr()
	if err != nil {
		return err
	}
	host, port, _ := net.SplitHostPort(addr)
	s.URL = "http://" + addr
	config := filepath.Join(s.dir, "config")
	if err := os.CopyFS(config, os.DirFS(filepath.Join(s.home, "config"))); err != nil {
		return err
	}
	yml := fmt.Sprintf(`node.name: test
discovery.type: single-node
network.host: %s
http.port: %s
transport.port: 0
path.data: %s/data
path.logs: %s/logs
cluster.routing.allocation.disk.threshold_enabled: false
`, host, port, s.dir, s.dir)
	if s.name == "elasticsearch" {
		yml += "xpack.security.enabled: false\n"
	}
	if err := os.WriteFile(filepath.Join(config, s.name+".yml"), []byte(yml), 0o644); err != nil {
		return err
	}
	// As they come, the options have the JVM write its log where only root may.
	if err := os.WriteFile(filepath.Join(config, "jvm.options"), nil, 0o644); err != nil {
		return err
	}
	for _, sub := range []string{"data", "logs", "tmp"} {
		if err := os.MkdirAll(filepath.Join(s.dir, sub), 0o755); err != nil {
			return err
		}
	}
	return giveAway(s.dir)
}

// Restart starts the node again, with its data, and waits until it serves.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	prefix := map[string]string{"opensearch": "OPENSEARCH", "elasticsearch": "ES"}[s.name]
	java, err := javaHome()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(s.home, "bin", s.name))
	cmd.Env = append(os.Environ(),
		prefix+"_PATH_CONF="+filepath.Join(s.dir, "config"), prefix+"_JAVA_HOME="+java, prefix+"_TMPDIR="+filepath.Join(s.dir, "tmp"),
		prefix+"_JAVA_OPTS=-Xms512m -Xmx512m -XX:TieredStopAtLevel=1 -Djava.io.tmpdir="+filepath.Join(s.dir, "tmp"), "HOME="+s.dir)
	cmd.Dir = s.dir
	out, err := os.OpenFile(filepath.Join(s.dir, "out"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		s.t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = out, out
	asItsUser(cmd)
	err = cmd.Start()
	_ = out.Close()
	if err != nil {
		s.t.Fatalf("start %s: %v", s.name, err)
	}
	s.cmd, s.gone = cmd, make(chan struct{})
	go func(gone chan struct{}) {
		_ = cmd.Wait() // it is always killed
		close(gone)
	}(s.gone)
	s.await()
}

// await waits until the node answers a search in all it has.
func (s *Server) await() {
	s.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/_cluster/health?wait_for_status=yellow&timeout=5s", nil)
		if err != nil {
			s.t.Fatal(err)
		}
		if resp, err := client.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-s.gone:
			s.t.Fatalf("%s ended:\n%s", s.name, s.said())
		case <-ctx.Done():
			s.t.Fatalf("%s does not serve within %v:\n%s", s.name, patience, s.said())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// said is the end of what the node has written.
func (s *Server) said() string {
	b, err := os.ReadFile(filepath.Join(s.dir, "out"))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}

// Kill ends the node as kill -9 does, if it runs.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	killAll(s.cmd)
	<-s.gone
	s.cmd = nil
}

func freeAddr() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String(), nil
}

// javaHome is where the java in PATH lives.
func javaHome() (string, error) {
	path, err := exec.LookPath("java")
	if err != nil {
		return "", err
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", err
	}
	return filepath.Dir(filepath.Dir(path)), nil
}
