package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"github.com/clewhq/clew/propagate"
)

const maxLine = 4096

// server owns its sockets on the loop's goroutine alone; the goroutine that
// waits in epoll_wait only says which of them are ready.
type server struct {
	addr     string
	loop     *propagate.Loop
	poll     int // the epoll instance
	wake     int // an eventfd that ends the waiting
	listener int
	conns    map[int]*conn
}

type conn struct {
	fd int
	in []byte
}

func newServer(addr string, cfg propagate.LoopConfig) (_ *server, err error) {
	s := &server{loop: propagate.NewLoop(cfg), conns: make(map[int]*conn), poll: -1, wake: -1, listener: -1}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.listener, s.addr, err = listen(addr); err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	if s.poll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if s.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	if err := s.watch(s.wake); err != nil {
		return nil, err
	}
	return s, s.watch(s.listener)
}

func listen(addr string) (fd int, bound string, err error) {
	ap, err := netip.ParseAddrPort(addr)
	if err != nil || !ap.Addr().Is4() {
		return -1, "", errors.New("want an IPv4 address and a port, such as 127.0.0.1:7071")
	}
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, "", os.NewSyscallError("socket", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return fd, "", os.NewSyscallError("setsockopt", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: int(ap.Port()), Addr: ap.Addr().As4()}); err != nil {
		return fd, "", os.NewSyscallError("bind", err)
	}
	if err := unix.Listen(fd, 128); err != nil {
		return fd, "", os.NewSyscallError("listen", err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return fd, "", os.NewSyscallError("getsockname", err)
	}
	in4, ok := name.(*unix.SockaddrInet4)
	if !ok {
		return fd, "", net.UnknownNetworkError(fmt.Sprintf("%T", name))
	}
	return fd, netip.AddrPortFrom(netip.AddrFrom4(in4.Addr), uint16(in4.Port)).String(), nil
}

// watch asks for a socket to be reported once, until it is asked for again.
func (s *server) watch(fd int) error {
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLONESHOT, Fd: int32(fd)}
	err := unix.EpollCtl(s.poll, unix.EPOLL_CTL_MOD, fd, &ev)
	if errors.Is(err, unix.ENOENT) {
		err = unix.EpollCtl(s.poll, unix.EPOLL_CTL_ADD, fd, &ev)
	}
	return os.NewSyscallError("epoll_ctl", err)
}

// run serves until ctx is done.
func (s *server) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _, _ = unix.Write(s.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) })
	defer stop()
	polled := make(chan error, 1)
	go func() {
		polled <- s.pollAll(ctx)
		s.loop.Close()
	}()
	err := s.loop.Run(context.WithoutCancel(ctx))
	err = errors.Join(err, <-polled)
	s.close()
	return err
}

// pollAll makes a task of every socket that is ready.
func (s *server) pollAll(ctx context.Context) error {
	events := make([]unix.EpollEvent, 64)
	for {
		n, err := unix.EpollWait(s.poll, events, -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("epoll_wait", err)
		}
		for _, ev := range events[:max(n, 0)] {
			fd := int(ev.Fd)
			if fd == s.wake {
				return nil
			}
			if err := s.loop.Submit(propagate.Detach(ctx), func(ctx context.Context) { s.ready(ctx, fd) }); err != nil {
				return err
			}
		}
	}
}

// ready handles a socket that is ready, on the loop.
func (s *server) ready(ctx context.Context, fd int) {
	if fd == s.listener {
		s.accept()
		return
	}
	c := s.conns[fd]
	if c == nil {
		return
	}
	buf := make([]byte, maxLine)
	n, err := unix.Read(fd, buf)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		n, err = 0, nil
	} else if err == nil && n == 0 || len(c.in)+max(n, 0) > maxLine {
		s.drop(c)
		return
	}
	if err != nil {
		s.drop(c)
		return
	}
	c.in = append(c.in, buf[:n]...)
	for {
		line, rest, ok := bytes.Cut(c.in, []byte("\n"))
		if !ok {
			break
		}
		c.in = bytes.Clone(rest)
		parse(ctx, string(bytes.TrimSpace(line)), func(text string) { s.reply(c, text) }).serve(s.loop)
	}
	if s.conns[fd] == c && s.watch(fd) != nil {
		s.drop(c)
	}
}

func (s *server) accept() {
	for {
		fd, _, err := unix.Accept4(s.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			break
		}
		s.conns[fd] = &conn{fd: fd}
		if s.watch(fd) != nil {
			s.drop(s.conns[fd])
		}
	}
	_ = s.watch(s.listener) // it was watched before, so it can be again
}

// reply writes a line. A client that does not read loses its connection: the
// example has no output queue.
func (s *server) reply(c *conn, text string) {
	if s.conns[c.fd] != c {
		return // gone meanwhile
	}
	if n, err := unix.Write(c.fd, []byte(text+"\n")); err != nil || n != len(text)+1 {
		s.drop(c)
	}
}

func (s *server) drop(c *conn) {
	delete(s.conns, c.fd)
	_ = unix.Close(c.fd) // nothing is written any more
}

func (s *server) close() {
	for _, c := range s.conns {
		s.drop(c)
	}
	for _, fd := range []int{s.listener, s.wake, s.poll} {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
}
