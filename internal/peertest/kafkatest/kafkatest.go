// Package kafkatest runs a real Kafka broker for tests, which tools/setup brings from Maven Central: one
// node, on loopback, with a heap of 256 MiB.
package kafkatest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/internal/peertest"
)

// patience is how long a broker may take to start on a machine that is busy.
const patience = 4 * time.Minute

// config is that of a node which is broker and controller in one and keeps next to nothing.
const config = `process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://%[1]s,CONTROLLER://%[2]s
advertised.listeners=PLAINTEXT://%[1]s
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=%[2]s
log.dirs=%[3]s
num.partitions=2
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
`

// Start starts a broker that makes topics when they are asked for, and returns its address. It runs until
// the test ends. Where there is no Kafka the test is skipped.
func Start(t testing.TB) (addr string) {
	t.Helper()
	kafka := filepath.Join(peertest.Distribution(t, "kafka"), "bin", "kafka")
	peertest.Need(t, "java")
	said := ""
	for range 3 { // somebody may take the port before the broker does
		var ok bool
		if addr, said, ok = try(t, kafka); ok {
			return addr
		}
	}
	t.Fatalf("kafka does not serve:\n%s", said)
	return ""
}

// try starts a broker. If it does not serve, what it has said is the reason.
func try(t testing.TB, kafka string) (addr, said string, ok bool) {
	t.Helper()
	dir := t.TempDir()
	addr = freeAddr(t)
	properties := filepath.Join(dir, "server.properties")
	text := fmt.Sprintf(config, addr, freeAddr(t), filepath.Join(dir, "data"))
	if err := os.WriteFile(properties, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	format := exec.Command(kafka, "kafka.tools.StorageTool", "format", "--standalone", "-t", "AAAAAAAAAAAAAAAAAAAAAA", "-c", properties)
	if out, err := format.CombinedOutput(); err != nil {
		t.Fatalf("format kafka's storage: %v\n%s", err, out)
	}
	output, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(kafka, "kafka.Kafka", properties)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, output, output
	err = cmd.Start()
	_ = output.Close()
	if err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is always killed
		close(gone)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may be gone
		<-gone
	})
	ok = await(addr, gone)
	return addr, tail(output.Name()), ok
}

// await waits until somebody listens at addr, and reports whether that happened.
func await(addr string, gone <-chan struct{}) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if conn, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
			_ = conn.Close()
			return true
		}
		select {
		case <-gone:
			return false
		case <-time.After(50 * time.Millisecond):
		}
	}
	return false
}

// tail is the end of what the broker has written.
func tail(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}

func freeAddr(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}
