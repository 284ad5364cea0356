package attach

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// dial connects to the JVM's socket. JDK 8 refuses every peer whose effective
// user and group are not its own, root included, so root connects as the JVM's
// user: on a thread of its own, since credentials belong to threads in Linux.
func (p *process) dial() (net.Conn, error) {
	// Opened before the change of user, and reached through our own descriptor:
	// /proc/PID/root may be closed to the JVM's own user.
	dir, err := os.OpenFile(p.tmp(), unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, gone(err)
	}
	defer dir.Close()
	addr := fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), p.socket())
	if os.Geteuid() != 0 || p.uid == 0 && p.gid == os.Getegid() {
		return connect(addr)
	}
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result)
	go func() {
		// Never unlocked: the runtime ends a thread whose goroutine ends locked,
		// so no other goroutine ever runs with these credentials.
		runtime.LockOSThread()
		conn, err := connectAs(p.uid, p.gid, addr)
		done <- result{conn, err}
	}()
	r := <-done
	return r.conn, r.err
}

// connectAs changes the credentials of the running thread only, unlike
// syscall.Setresuid, which changes them for the whole process.
func connectAs(uid, gid int, addr string) (net.Conn, error) {
	const keep = ^uintptr(0)
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESGID, keep, uintptr(gid), keep); errno != 0 {
		return nil, fmt.Errorf("become group %d: %w", gid, errno)
	}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, keep, uintptr(uid), keep); errno != 0 {
		return nil, fmt.Errorf("become user %d: %w", uid, errno)
	}
	return connect(addr)
}

// connect is done by hand, since the net package may connect on another thread.
func connect(addr string) (net.Conn, error) {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	f := os.NewFile(uintptr(fd), addr)
	defer f.Close() // FileConn duplicates it
	if err := syscall.Connect(fd, &syscall.SockaddrUnix{Name: addr}); err != nil {
		return nil, os.NewSyscallError("connect", err)
	}
	return net.FileConn(f)
}
