package listen

import (
	"net"
	"strings"
	"testing"
)

func TestTCP(t *testing.T) {
	taken, err := TCP("127.0.0.1:0", false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	addr := taken.Addr().String()

	if _, err := TCP(addr, false); err == nil || !strings.Contains(err.Error(), addr) || !strings.Contains(err.Error(), "choose another port") {
		t.Errorf("a port in use: %v, want an error that names it and the mend", err)
	}
	free, err := TCP(addr, true)
	if err != nil {
		t.Fatalf("a port in use, or a free one: %v", err)
	}
	t.Cleanup(func() { _ = free.Close() })
	got := free.Addr().(*net.TCPAddr)
	if got.Port == taken.Addr().(*net.TCPAddr).Port || !got.IP.Equal(net.IPv4(127, 0, 0, 1)) {
		t.Errorf("listens at %v beside %v, want another port of the same host", got, addr)
	}
	if _, err := TCP("127.0.0.1:seven", true); err == nil {
		t.Error("a port that is none was listened at")
	}
}
