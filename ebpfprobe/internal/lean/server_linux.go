package lean

import (
	"fmt"

	"github.com/cilium/ebpf"
)

// Identity is what the programs know a server by.
type Identity struct {
	PID   int
	NetNS uint32   // inode of its network namespace; 0 if it is not known
	Ports []uint16 // where it takes clients; empty if they are not known. Four are kept
}

// SetServer puts a server in a place from 0 to MaxServers - 1, where its requests
// are counted from now on. A server that takes the place of another, as after a
// restart, adds to its counts.
func (t *Tier) SetServer(place uint32, id Identity) error {
	var s bpfServer
	if err := t.objects.Servers.Lookup(&place, &s); err != nil {
		return fmt.Errorf("place %d: %w", place, err)
	}
	former := s.Tgid
	s.Tgid = uint32(id.PID)
	s.Port = [4]uint16{}
	copy(s.Port[:], id.Ports)
	if err := t.objects.Servers.Update(&place, &s, ebpf.UpdateExist); err != nil {
		return fmt.Errorf("place %d: %w", place, err)
	}
	for _, port := range s.Port {
		if port == 0 || id.NetNS == 0 {
			continue
		}
		key := bpfPortKey{Netns: id.NetNS, Port: port}
		if err := t.objects.Ports.Put(&key, &place); err != nil {
			return fmt.Errorf("port %d: %w", port, err)
		}
	}
	if err := t.mayServe(id.Ports); err != nil {
		return err
	}
	if former != 0 && former != s.Tgid {
		_ = t.objects.Pids.Delete(&former) // it may be another place's by now
	}
	if err := t.objects.Pids.Put(&s.Tgid, &place); err != nil {
		return fmt.Errorf("pid %d: %w", id.PID, err)
	}
	return nil
}

// mayServe marks ports as some server's; all of them, where they are not known.
func (t *Tier) mayServe(ports []uint16) error {
	var bits [1024]uint64
	if err := t.objects.PortBits.Get(&bits); err != nil {
		return fmt.Errorf("mark ports: %w", err)
	}
	for _, port := range ports {
		bits[port/64] |= 1 << (port % 64)
	}
	if len(ports) == 0 {
		for i := range bits {
			bits[i] = ^uint64(0)
		}
	}
	if err := t.objects.PortBits.Set(&bits); err != nil {
		return fmt.Errorf("mark ports: %w", err)
	}
	return nil
}
