package goproc

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Process is a running Go process that is being read. It is not for concurrent
// use.
type Process struct {
	program Program
	dir     string // /proc/PID
	began   string // start time, which a later process of the same number has not
	exe     *os.File
	mem     *procMemory
	reader  reader
}

// Open finds the goroutines of a process; pid is as the caller's /proc numbers
// it. It needs the right to trace the process. The error is a
// [PermissionError], a [VersionError], or has [ErrGone] or [ErrNotGo] in its
// chain. Close frees what Open took.
func Open(pid int) (*Process, error) {
	p, err := open(pid)
	if err != nil {
		return nil, explained(pid, err)
	}
	return p, nil
}

// explained words an error for the user.
func explained(pid int, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return newPermissionError(pid)
	}
	if ve := new(VersionError); errors.As(err, &ve) {
		return err
	}
	return fmt.Errorf("read process %d: %w", pid, err)
}

func newProcess(pid int) *Process {
	return &Process{dir: "/proc/" + strconv.Itoa(pid), program: Program{PID: pid}}
}

func open(pid int) (*Process, error) {
	p := newProcess(pid)
	if err := p.open(); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// withProgram calls f with a process of whose program the layout is known, and
// of which nothing else is open.
func withProgram(pid int, f func(*Process, *layout) error) error {
	p := newProcess(pid)
	l, err := p.identify()
	if err == nil {
		err = f(p, l)
	}
	if err = errors.Join(err, p.Close()); err != nil {
		return explained(pid, err)
	}
	return nil
}

func (p *Process) open() error {
	l, err := p.identify()
	if err != nil {
		return err
	}
	if p.mem, err = openMemory(p.program.PID, p.dir); err != nil {
		return err
	}
	return p.locate(l)
}

// identify opens the process's program and finds the layout of its runtime.
func (p *Process) identify() (l *layout, err error) {
	if p.began, err = startTime(p.dir); err != nil {
		return nil, err
	}
	if err := p.openProgram(); err != nil {
		return nil, err
	}
	l, ok := layoutOf(p.program.GoVersion)
	if !ok {
		return nil, &VersionError{PID: p.program.PID, Version: p.program.GoVersion}
	}
	return l, nil
}

// openProgram opens the process's executable, even if its file was deleted or
// replaced, and reads who built it.
func (p *Process) openProgram() (err error) {
	if p.program.Path, err = os.Readlink(p.dir + "/exe"); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: a kernel thread, or a process that has just ended", ErrNotGo)
		}
		return err
	}
	if p.exe, err = os.Open(p.dir + "/exe"); err != nil {
		return err
	}
	info, err := buildinfo.Read(p.exe)
	if err != nil {
		return fmt.Errorf("%s: %w: %w", p.program.Path, ErrNotGo, err)
	}
	p.program.GoVersion = info.GoVersion
	if info.Main.Path != "" {
		p.program.Modules = append(p.program.Modules, info.Main.Path)
	}
	for _, d := range info.Deps {
		p.program.Modules = append(p.program.Modules, d.Path)
	}
	return nil
}

// locate finds the runtime's structures in the process.
func (p *Process) locate(l *layout) error {
	entry, err := auxEntry(p.dir)
	if err != nil {
		return err
	}
	img, err := newImage(p.exe, entry)
	if err != nil {
		return err
	}
	mod, err := findModule(p.mem, img, l)
	if err != nil {
		return p.explain(err)
	}
	allgs, err := findAllgs(p.mem, mod, l)
	if err != nil {
		return p.explain(err)
	}
	p.reader = reader{mem: p.mem, l: l, allgs: allgs, un: newUnwinder(mod.tab, img.arch), clock: newClock(p.dir)}
	return nil
}

// Program returns what is known of the process's program.
func (p *Process) Program() Program { return p.program }

// Snapshot reads the goroutines as they are now. The error has [ErrGone] in its
// chain if the process has ended.
func (p *Process) Snapshot(ctx context.Context, o Options) (*Snapshot, error) {
	s, err := p.reader.snapshot(ctx, o)
	if err == nil {
		err = p.alive()
	}
	if err != nil {
		return nil, fmt.Errorf("read process %d: %w", p.program.PID, p.explain(err))
	}
	s.Program = p.program
	return s, nil
}

// Close ends the reading. The process does not notice.
func (p *Process) Close() error {
	var errs []error
	if p.mem != nil {
		errs = append(errs, p.mem.close())
	}
	if p.exe != nil {
		errs = append(errs, p.exe.Close())
	}
	return errors.Join(errs...)
}

// explain gives the simple reason where there is one: a process that ends while
// it is read leaves all kinds of errors.
func (p *Process) explain(err error) error {
	if gone := p.alive(); gone != nil {
		return gone
	}
	return err
}

func (p *Process) alive() error {
	began, err := startTime(p.dir)
	if err != nil {
		return err
	}
	if began != p.began {
		return fmt.Errorf("%w: its number was given to another one", ErrGone)
	}
	return nil
}

// startTime returns when the process began, in the kernel's clock ticks.
func startTime(dir string) (string, error) {
	b, err := os.ReadFile(dir + "/stat")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return "", ErrGone
	}
	if err != nil {
		return "", err
	}
	// The second field is the program's name in brackets, which may hold
	// anything; the state follows it.
	i := bytes.LastIndexByte(b, ')')
	fields := strings.Fields(string(b[i+1:]))
	const state, start = 0, 19
	if i < 0 || len(fields) <= start {
		return "", fmt.Errorf("%s/stat: not in the kernel's format", dir)
	}
	if fields[state] == "Z" || fields[state] == "X" {
		return "", fmt.Errorf("%w: it has ended", ErrGone)
	}
	return fields[start], nil
}

// auxEntry returns the address that the kernel started the program at, from the
// auxiliary vector.
func auxEntry(dir string) (uint64, error) {
	f, err := os.Open(dir + "/auxv")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return 0, err
	}
	const atEntry = 9
	for ; len(b) >= 16; b = b[16:] {
		if binary.NativeEndian.Uint64(b) == atEntry {
			return binary.NativeEndian.Uint64(b[8:]), nil
		}
	}
	return 0, fmt.Errorf("%w: no program in it any more", ErrGone)
}

// newClock returns the clock that the process's runtime.nanotime reads. A
// process in another time namespace has another one, which is 0 here.
func newClock(dir string) func() int64 {
	mine, err1 := os.Readlink("/proc/self/ns/time")
	its, err2 := os.Readlink(dir + "/ns/time")
	same := mine == its || err1 != nil || err2 != nil
	return func() int64 {
		var ts unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil || !same {
			return 0
		}
		return ts.Nano()
	}
}
