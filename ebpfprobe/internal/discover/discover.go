// Package discover finds Redis, Valkey and KeyDB servers among the processes of a
// host, by the files of /proc.
package discover

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Programs are the names that servers' processes bear.
var Programs = []string{"redis-server", "valkey-server", "keydb-server"}

// Server is a process.
type Server struct {
	PID     int
	Parent  int    // its parent's PID
	Started uint64 // in clock ticks since boot: with PID it names a process for ever
	Name    string // of the program, as the kernel knows it
	// Ports are those on which it takes clients, the lowest first. It is empty if there is
	// none, or if the caller may not look.
	Ports     []uint16
	NetNS     uint32 // inode of its network namespace; 0 if the caller may not look
	Container string // id, shortened to 12 digits; empty outside of one
}

// Proc is a mounted /proc.
type Proc string

// Pids returns the process ids, in no order.
func (p Proc) Pids() ([]int, error) {
	dir, err := os.Open(string(p))
	if err != nil {
		return nil, fmt.Errorf("look for processes: %w", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("look for processes: %w", err)
	}
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// Look describes the process pid. A process that is not there, or ends meanwhile,
// is an error that is fs.ErrNotExist.
func (p Proc) Look(pid int) (Server, error) {
	s, err := p.Glance(pid)
	if err != nil {
		return s, err
	}
	s.NetNS = p.netNS(pid)
	if s.Ports, err = p.listening(pid); err != nil || len(s.Ports) == 0 {
		s.Ports = p.titled(pid)
		if s.NetNS == 0 {
			s.NetNS = p.netNS(os.Getpid()) // it listens where we can see it, or we could not know the port
		}
	}
	s.Container = p.container(pid)
	return s, nil
}

// Glance reads only the name and the start of a process, which takes a
// microsecond or two.
func (p Proc) Glance(pid int) (Server, error) {
	stat, err := os.ReadFile(p.path(pid, "stat"))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return Server{}, fmt.Errorf("no process %d: %w", pid, fs.ErrNotExist)
		}
		return Server{}, fmt.Errorf("look at process %d: %w", pid, err)
	}
	// PID (NAME) STATE ...: the name may have any character, so look for its end from behind
	from, to := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if from < 0 || to < from {
		return Server{}, fmt.Errorf("look at process %d: stat is %q", pid, stat)
	}
	const startTime = 19 // behind the name; proc(5) calls it field 22
	fields := strings.Fields(string(stat[to+1:]))
	if len(fields) <= startTime || fields[0] == "Z" {
		return Server{}, fmt.Errorf("process %d has ended: %w", pid, fs.ErrNotExist)
	}
	started, err := strconv.ParseUint(fields[startTime], 10, 64)
	if err != nil {
		return Server{}, fmt.Errorf("look at process %d: start time: %w", pid, err)
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return Server{}, fmt.Errorf("look at process %d: parent: %w", pid, err)
	}
	return Server{PID: pid, Parent: parent, Started: started, Name: string(stat[from+1 : to])}, nil
}

// IsServer says whether the process bears the name of a server.
func (s Server) IsServer() bool { return slices.Contains(Programs, s.Name) }

func (p Proc) path(pid int, elem ...string) string {
	return filepath.Join(append([]string{string(p), strconv.Itoa(pid)}, elem...)...)
}

func (p Proc) netNS(pid int) uint32 {
	link, err := os.Readlink(p.path(pid, "ns", "net"))
	if err != nil {
		return 0
	}
	n, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimPrefix(link, "net:["), "]"), 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// listening returns the ports of the process's listening sockets, without those of
// a cluster's bus, which are 10000 above another.
func (p Proc) listening(pid int) ([]uint16, error) {
	own, err := p.sockets(pid)
	if err != nil {
		return nil, err
	}
	var ports []uint16
	for _, table := range []string{"tcp", "tcp6"} {
		all, err := listeners(p.path(pid, "net", table))
		if err != nil {
			return nil, err
		}
		for inode, port := range all {
			if own[inode] {
				ports = append(ports, port)
			}
		}
	}
	slices.Sort(ports)
	ports = slices.Compact(ports)
	bus := func(port uint16) bool { return port > 10000 && slices.Contains(ports, port-10000) }
	return slices.DeleteFunc(slices.Clone(ports), bus), nil
}

// sockets returns the inodes of the process's sockets.
func (p Proc) sockets(pid int) (map[string]bool, error) {
	fds, err := os.ReadDir(p.path(pid, "fd"))
	if err != nil {
		return nil, err
	}
	own := map[string]bool{}
	for _, fd := range fds {
		link, err := os.Readlink(p.path(pid, "fd", fd.Name()))
		if err == nil && strings.HasPrefix(link, "socket:[") {
			own[strings.TrimSuffix(strings.TrimPrefix(link, "socket:["), "]")] = true
		}
	}
	return own, nil
}

// listeners returns the ports of a table such as /proc/net/tcp, by inode.
func listeners(table string) (map[string]uint16, error) {
	f, err := os.Open(table)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	const listen = "0A"
	ports := map[string]uint16{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 || fields[3] != listen {
			continue
		}
		_, hex, _ := strings.Cut(fields[1], ":")
		if port, err := strconv.ParseUint(hex, 16, 16); err == nil {
			ports[fields[9]] = uint16(port)
		}
	}
	return ports, lines.Err()
}

// titled returns the port that a server writes in its process title,
// "redis-server *:6379 [cluster]", which everybody may read.
func (p Proc) titled(pid int) []uint16 {
	title, err := os.ReadFile(p.path(pid, "cmdline"))
	if err != nil {
		return nil
	}
	words := strings.Fields(strings.ReplaceAll(string(title), "\x00", " "))
	if len(words) < 2 {
		return nil
	}
	port, err := strconv.ParseUint(words[1][strings.LastIndexByte(words[1], ':')+1:], 10, 16)
	if err != nil || port == 0 {
		return nil
	}
	return []uint16{uint16(port)}
}

// container returns the id that container runtimes put into the path of a cgroup:
// 64 hexadecimal digits.
func (p Proc) container(pid int) string {
	cgroup, err := os.ReadFile(p.path(pid, "cgroup"))
	if err != nil {
		return ""
	}
	for _, word := range strings.FieldsFunc(string(cgroup), func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'f')
	}) {
		if len(word) == 64 {
			return word[:12]
		}
	}
	return ""
}
