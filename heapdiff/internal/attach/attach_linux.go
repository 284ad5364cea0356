package attach

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Open finds the JVM with this pid and makes it listen for commands. It waits
// until the JVM does, or for the end of ctx, or ten seconds. A process in
// another pid namespace is reached by the pid that this process sees.
func Open(ctx context.Context, pid int) (*VM, error) {
	v, err := open(ctx, pid)
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("attach to pid %d: %w: run it as the JVM's user, or as root with CAP_SYS_PTRACE", pid, err)
	}
	if err != nil {
		return nil, fmt.Errorf("attach to pid %d: %w", pid, err)
	}
	return v, nil
}

func open(ctx context.Context, pid int) (*VM, error) {
	p, err := readProcess(pid)
	if err != nil {
		return nil, err
	}
	v := &VM{pid: pid, nsPID: p.nsPID, dial: func(context.Context) (net.Conn, error) { return p.dial() }}
	if p.listens() {
		return v, nil
	}
	if err := p.checkSafeToSignal(); err != nil {
		return nil, err
	}
	return v, p.wake(ctx)
}

func (p *process) tmp() string { return fmt.Sprintf("/proc/%d/root/tmp", p.pid) }

func (p *process) socket() string { return fmt.Sprintf(".java_pid%d", p.nsPID) }

// listens says whether the socket is there and somebody accepts on it: a JVM
// that died leaves its file, and the next process may have the same pid.
func (p *process) listens() bool {
	info, err := os.Lstat(filepath.Join(p.tmp(), p.socket()))
	if err != nil || info.Mode().Type() != fs.ModeSocket {
		return false
	}
	conn, err := p.dial()
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// The JVM polls for the file every 20 ms or so once it has seen the signal, but
// a signal waits for a safepoint, which a loaded JVM can be slow to reach.
const (
	wakePoll  = 10 * time.Millisecond
	wakeLimit = 10 * time.Second
)

// wake puts the file in place that tells an attach request from a plain request
// for a thread dump, sends the signal and waits for the socket.
func (p *process) wake(ctx context.Context) error {
	trigger, err := p.createTrigger()
	if err != nil {
		return err
	}
	defer os.Remove(trigger)
	if err := syscall.Kill(p.pid, syscall.SIGQUIT); err != nil {
		return fmt.Errorf("signal the JVM: %w", gone(err))
	}
	limit := time.NewTimer(wakeLimit)
	defer limit.Stop()
	tick := time.NewTicker(wakePoll)
	defer tick.Stop()
	for {
		if p.listens() {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-limit.C:
			return fmt.Errorf("%w within %v: it may run with -XX:+DisableAttachMechanism, hang, or be out of memory (for which -XX:+HeapDumpOnOutOfMemoryError writes a dump)", ErrNoListener, wakeLimit)
		case <-tick.C:
		}
		if syscall.Kill(p.pid, 0) == syscall.ESRCH {
			return ErrGone
		}
	}
}

// createTrigger makes .attach_pidN where the JVM looks for it: its working
// directory, else /tmp. It must belong to the JVM's user.
func (p *process) createTrigger() (string, error) {
	name := fmt.Sprintf(".attach_pid%d", p.nsPID)
	var errs []error
	for _, dir := range []string{fmt.Sprintf("/proc/%d/cwd", p.pid), p.tmp()} {
		path := filepath.Join(dir, name)
		// O_EXCL and O_NOFOLLOW: /tmp is anybody's, and we may be root.
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|syscall.O_NOFOLLOW, 0o600)
		if errors.Is(err, fs.ErrExist) && p.ownsRegular(path) {
			return path, nil // left by an earlier attempt that was killed
		}
		if err != nil {
			errs = append(errs, gone(err))
			continue
		}
		if os.Geteuid() != p.uid {
			err = f.Chown(p.uid, p.gid)
		}
		if err = errors.Join(err, f.Close()); err != nil {
			os.Remove(path)
			errs = append(errs, err)
			continue
		}
		return path, nil
	}
	return "", fmt.Errorf("create the attach request: %w", errors.Join(errs...))
}

func (p *process) ownsRegular(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == p.uid
}
