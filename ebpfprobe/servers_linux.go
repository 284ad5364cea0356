package ebpfprobe

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/clewhq/clew/ebpfprobe/internal/blame"
	"github.com/clewhq/clew/ebpfprobe/internal/discover"
	"github.com/clewhq/clew/ebpfprobe/internal/lean"
	"github.com/clewhq/clew/ebpfprobe/report"
)

// place is a server, whichever process it is at the moment.
type place struct {
	server discover.Server
	exited bool
	ledger blame.Ledger
	slow   []report.Slow // the newest of them, oldest first
	slowID uint64
	noTLS  error // why commands under TLS have no name, if that was asked for
	holds  bool  // the kernel tells what held the loop; else slow batches do
}

// lookFirst finds the servers that are there at the start.
func (e *engine) lookFirst() error {
	for _, pid := range e.cfg.PIDs {
		s, err := e.proc.Look(pid)
		if err != nil {
			return err
		}
		if err := e.take(s); err != nil {
			return err
		}
	}
	if err := e.lookForNew(); err != nil {
		return err
	}
	return e.lookForPorts()
}

// lookForPorts finds the chosen ports that no process with a server's name serves.
func (e *engine) lookForPorts() error {
	open := slices.DeleteFunc(slices.Clone(e.cfg.Ports), func(port int) bool {
		return slices.ContainsFunc(e.places, func(p *place) bool { return slices.Contains(p.server.Ports, uint16(port)) })
	})
	if len(open) == 0 {
		return nil
	}
	pids, err := e.proc.Pids()
	if err != nil {
		return err
	}
	for _, pid := range pids {
		s, err := e.proc.Look(pid)
		if err != nil || !serves(s, open) {
			continue
		}
		if err := e.take(s); err != nil {
			return err
		}
	}
	return nil
}

func serves(s discover.Server, ports []int) bool {
	return slices.ContainsFunc(ports, func(port int) bool { return slices.Contains(s.Ports, uint16(port)) })
}

// look notices servers that have ended and servers that have come.
func (e *engine) look() {
	for _, p := range e.places {
		if p.exited {
			continue
		}
		now, err := e.proc.Glance(p.server.PID)
		if errors.Is(err, fs.ErrNotExist) || err == nil && now.Started != p.server.Started {
			p.exited = true
			e.cfg.Log.Info("server has ended", "pid", p.server.PID, "ports", p.server.Ports)
		}
	}
	if err := e.lookForNew(); err != nil {
		e.cfg.Log.Warn("can't look for servers", "error", err)
	}
}

// lookForNew takes the processes with a server's name that were chosen, or that
// serve the port of one that has ended.
func (e *engine) lookForNew() error {
	pids, err := e.proc.Pids()
	if err != nil {
		return err
	}
	others := map[int]uint64{}
	for _, pid := range pids {
		s, err := e.proc.Glance(pid)
		if err != nil || slices.ContainsFunc(e.places, func(p *place) bool { return p.server.PID == pid && p.server.Started == s.Started }) {
			continue
		}
		if started, known := e.others[pid]; known && started == s.Started || !s.IsServer() || e.isChild(s) {
			others[pid] = s.Started
			continue
		}
		if s, err = e.proc.Look(pid); err != nil || len(s.Ports) == 0 {
			continue // it has ended, or does not listen yet
		}
		if e.cfg.All || serves(s, e.cfg.Ports) || e.endedAt(s) != nil {
			if err := e.take(s); err != nil {
				return err
			}
			continue
		}
		if !slices.ContainsFunc(e.places, func(p *place) bool { return p.exited }) && len(e.cfg.Ports) == 0 {
			others[pid] = s.Started
		}
	}
	e.others = others
	return nil
}

// isChild says whether a process is what a server forked to write a snapshot.
func (e *engine) isChild(s discover.Server) bool {
	parent, err := e.proc.Glance(s.Parent)
	return err == nil && parent.Name == s.Name
}

// endedAt returns the place of a server that has ended and whose port s serves.
func (e *engine) endedAt(s discover.Server) *place {
	for _, p := range e.places {
		if p.exited && p.server.NetNS == s.NetNS && slices.ContainsFunc(p.server.Ports, func(port uint16) bool {
			return slices.Contains(s.Ports, port)
		}) {
			return p
		}
	}
	return nil
}

// take begins to observe a server, in the place of one that it follows.
func (e *engine) take(s discover.Server) error {
	p := e.endedAt(s)
	if p == nil {
		if len(e.places) == lean.MaxServers {
			return fmt.Errorf("process %d: more than %d servers can't be observed at once", s.PID, lean.MaxServers)
		}
		p = &place{}
		e.places = append(e.places, p)
	} else {
		e.cfg.Log.Info("server is back", "pid", s.PID, "former", p.server.PID, "ports", s.Ports)
	}
	p.server, p.exited = s, false
	var err error
	p.noTLS, err = e.tiers.observe(slices.Index(e.places, p), s)
	return err
}
