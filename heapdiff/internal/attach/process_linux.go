package attach

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// process is what /proc tells of the target.
type process struct {
	pid, nsPID int
	uid, gid   int    // effective
	caught     uint64 // signals with a handler, bit n-1 for signal n
}

func readProcess(pid int) (*process, error) {
	if pid <= 0 {
		return nil, fmt.Errorf("%w: a pid is above 0", ErrGone)
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return nil, gone(err)
	}
	p := &process{pid: pid}
	return p, p.parseStatus(b)
}

// parseStatus reads the lines of proc_pid_status(5) that matter here.
func (p *process) parseStatus(b []byte) error {
	p.nsPID = p.pid // no NSpid line before Linux 4.1
	found := 0
	for line := range strings.Lines(string(b)) {
		name, rest, _ := strings.Cut(line, ":")
		f := strings.Fields(rest)
		var err error
		switch {
		case name == "Uid" && len(f) == 4:
			p.uid, err = strconv.Atoi(f[1])
		case name == "Gid" && len(f) == 4:
			p.gid, err = strconv.Atoi(f[1])
		case name == "SigCgt" && len(f) == 1:
			p.caught, err = strconv.ParseUint(f[0], 16, 64)
		case name == "NSpid" && len(f) > 0:
			p.nsPID, err = strconv.Atoi(f[len(f)-1]) // the innermost is the last
			found--
		default:
			continue
		}
		if err != nil {
			return fmt.Errorf("read /proc/%d/status: line %s: %w", p.pid, name, err)
		}
		found++
	}
	if found != 3 {
		return fmt.Errorf("read /proc/%d/status: %d of the lines Uid, Gid, SigCgt", p.pid, found)
	}
	return nil
}

// checkSafeToSignal makes sure that SIGQUIT means "look for an attach request"
// to the target. Its default action ends a process, and a Go program's does so
// with a stack dump.
func (p *process) checkSafeToSignal() error {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", p.pid))
	if err != nil {
		return gone(err)
	}
	if hasLibrary(maps, "libj9vm") {
		return fmt.Errorf("%w: it is Eclipse OpenJ9, which has an attach mechanism of its own", ErrNotHotSpot)
	}
	if !hasLibrary(maps, "libjvm.so") {
		return fmt.Errorf("%w: libjvm.so is not mapped in it", ErrNotHotSpot)
	}
	if p.caught&(1<<(uint(syscall.SIGQUIT)-1)) == 0 {
		return fmt.Errorf("%w: it does not handle SIGQUIT, which would end it; if it has only just started, try again", ErrNoListener)
	}
	return nil
}

// hasLibrary looks for a mapped file whose base name begins with prefix.
func hasLibrary(maps []byte, prefix string) bool {
	s := bufio.NewScanner(bytes.NewReader(maps))
	for s.Scan() {
		_, path, ok := bytes.Cut(s.Bytes(), []byte("/"))
		if ok && bytes.HasPrefix(path[bytes.LastIndexByte(path, '/')+1:], []byte(prefix)) {
			return true
		}
	}
	return false
}

// gone turns the several ways of saying that a process has ended into one.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("%w (%w)", ErrGone, err)
	}
	return err
}
