package heapdiff

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// listening returns the addresses of the TCP ports on which a process listens,
// loopback first, then by port.
func listening(pid int) ([]string, error) {
	dir := fmt.Sprintf("/proc/%d", pid)
	own, err := os.Readlink(filepath.Join(dir, "ns/net"))
	if err != nil {
		return nil, err
	}
	if here, err := os.Readlink("/proc/self/ns/net"); err == nil && here != own {
		return nil, fmt.Errorf("it is in another network namespace; run heapdiff there: nsenter -t %d -n heapdiff …", pid)
	}
	sockets, err := socketsOf(dir)
	if err != nil {
		return nil, err
	}
	var addrs []string
	for _, table := range []string{"net/tcp", "net/tcp6"} {
		text, err := os.ReadFile(filepath.Join(dir, table))
		if err != nil {
			continue // no IPv6 here
		}
		for line := range strings.Lines(string(text)) {
			ip, port, inode := listener(line)
			if ip == nil || !sockets[inode] {
				continue
			}
			for _, host := range reachable(ip) {
				if addr := net.JoinHostPort(host, port); !slices.Contains(addrs, addr) {
					addrs = append(addrs, addr)
				}
			}
		}
	}
	slices.SortStableFunc(addrs, func(a, b string) int { return loopback(a) - loopback(b) })
	return addrs, nil
}

func loopback(addr string) int {
	if host, _, err := net.SplitHostPort(addr); err == nil && net.ParseIP(host).IsLoopback() {
		return 0
	}
	return 1
}

// socketsOf returns the inodes of the sockets that a process has open.
func socketsOf(dir string) (map[string]bool, error) {
	files, err := os.ReadDir(filepath.Join(dir, "fd"))
	if err != nil {
		return nil, err
	}
	sockets := map[string]bool{}
	for _, f := range files {
		target, err := os.Readlink(filepath.Join(dir, "fd", f.Name()))
		if inode, ok := strings.CutPrefix(target, "socket:["); err == nil && ok {
			sockets[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return sockets, nil
}

// stateListen is TCP_LISTEN in /proc/net/tcp, see proc_pid_net(5).
const stateListen = "0A"

// reachable is where a listener can be reached from here: one on all interfaces
// by loopback, where an IPv6 one may take IPv4 too.
func reachable(ip net.IP) []string {
	switch {
	case !ip.IsUnspecified():
		return []string{ip.String()}
	case len(ip) == net.IPv4len:
		return []string{"127.0.0.1"}
	default:
		return []string{"127.0.0.1", "::1"}
	}
}

// listener reads a line of /proc/net/tcp: where a socket listens, and its inode;
// without an IP if it does not.
func listener(line string) (ip net.IP, port, inode string) {
	f := strings.Fields(line)
	if len(f) < 10 || f[3] != stateListen {
		return nil, "", ""
	}
	host, hexPort, _ := strings.Cut(f[1], ":")
	ip, err := hex.DecodeString(host)
	n, err2 := strconv.ParseUint(hexPort, 16, 16)
	if err != nil || err2 != nil || len(ip) != net.IPv4len && len(ip) != net.IPv6len {
		return nil, "", ""
	}
	for w := range slices.Chunk(ip, 4) { // words in the machine's byte order
		binary.NativeEndian.PutUint32(w, binary.BigEndian.Uint32(w))
	}
	return ip, strconv.FormatUint(n, 10), f[9]
}
