package heapdiff

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/pprof"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestGoEndpoint looks for the profiles of this very process, once it serves them.
func TestGoEndpoint(t *testing.T) {
	_, err := GoEndpoint(t.Context(), os.Getpid())
	if err == nil || errors.Is(err, ErrNotGo) || !strings.Contains(err.Error(), "listens on no TCP port") {
		t.Errorf("without a port: got %v", err)
	}
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	_, err = GoEndpoint(t.Context(), os.Getpid())
	if err == nil || !strings.Contains(err.Error(), other.Listener.Addr().String()) || !strings.Contains(err.Error(), "import net/http/pprof") {
		t.Errorf("with another port: got %v", err)
	}
	silent, err := net.Listen("tcp", "0.0.0.0:0") // accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	for network, host := range map[string]string{"tcp4": "127.0.0.1", "tcp6": "[::1]", "tcp": "127.0.0.1"} {
		t.Run(network, func(t *testing.T) {
			ln, err := net.Listen(network, ":0")
			if err != nil {
				t.Skipf("%s: %v", network, err)
			}
			mux := http.NewServeMux()
			mux.HandleFunc("/debug/pprof/", pprof.Index)
			server := httptest.NewUnstartedServer(mux)
			_ = server.Listener.Close() // another one takes its place
			server.Listener = ln
			server.Start()
			defer server.Close()
			got, err := GoEndpoint(t.Context(), os.Getpid())
			if want := fmt.Sprintf("http://%s:%d", host, ln.Addr().(*net.TCPAddr).Port); err != nil || got != want {
				t.Errorf("got %s, %v, want %s", got, err, want)
			}
			s, err := Read(t.Context(), fmt.Sprintf("pid:%d", os.Getpid()), Options{})
			if err != nil || s.Kind != KindGo || s.Source != fmt.Sprintf("pid:%d", os.Getpid()) {
				t.Errorf("read by pid: %+v, %v", s, err)
			}
		})
	}
}

func TestGoEndpointOfAnother(t *testing.T) {
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := GoEndpoint(t.Context(), cmd.Process.Pid); !errors.Is(err, ErrNotGo) {
		t.Errorf("cat: got %v, want ErrNotGo", err)
	}
	if err := errors.Join(in.Close(), cmd.Wait()); err != nil {
		t.Fatal(err)
	}
	if _, err := GoEndpoint(t.Context(), cmd.Process.Pid); !errors.Is(err, ErrNotGo) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a process that has ended: got %v", err)
	}
}

func TestListener(t *testing.T) {
	for _, tt := range []struct{ line, ip, port, inode string }{
		{"  0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4711 1 0 100 0 0 10 0", "127.0.0.1", "8080", "4711"},
		{"  0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4711 1 0", "0.0.0.0", "8080", "4711"},
		{"  0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 4711 1", "::1", "8080", "4711"},
		{"  0: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000 0 0 4711 1 0", "<nil>", "", ""}, // connected
		{"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode", "<nil>", "", ""},
		{"  0: 0100007:1F90 0:0 0A 0 0 0 0 0 4711", "<nil>", "", ""},
		{"", "<nil>", "", ""},
	} {
		ip, port, inode := listener(tt.line)
		if ip.String() != tt.ip || port != tt.port || inode != tt.inode {
			t.Errorf("%q: got %s, %s, %s", tt.line, ip, port, inode)
		}
	}
}
