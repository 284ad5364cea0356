package lean

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/clewhq/clew/ebpfprobe/internal/need"
)

const doingTLS = "name commands under TLS"

// WatchTLS takes the requests on the encrypted connections of the server in a place
// from OpenSSL, where they are plain, instead of counting them without a name. It takes
// CAP_SYS_ADMIN. The error is a [need.Error] if that is missing, or the process has no
// SSL_read that could be found.
func (t *Tier) WatchTLS(place uint32, pid int) error {
	if err := t.unwatchTLS(place); err != nil {
		return err
	}
	path, err := openSSL(pid)
	if err != nil {
		return fmt.Errorf("%s: %w", doingTLS, err)
	}
	exe, err := link.OpenExecutable(path)
	if err != nil {
		return refusedTLS(err)
	}
	if err := t.attachTLS(exe, place, pid); err != nil {
		return errors.Join(refusedTLS(err), t.unwatchTLS(place))
	}
	return t.watched(place, true)
}

// attachTLS has the end of SSL_read before its beginning, without which it does nothing.
func (t *Tier) attachTLS(exe *link.Executable, place uint32, pid int) error {
	opts := &link.UprobeOptions{PID: pid}
	for _, p := range []struct {
		symbol  string
		program *ebpf.Program
		attach  func(string, *ebpf.Program, *link.UprobeOptions) (link.Link, error)
	}{
		{"SSL_write", t.objects.Write, exe.Uprobe},
		{"SSL_read", t.objects.Decoded, exe.Uretprobe},
		{"SSL_read", t.objects.Read, exe.Uprobe},
	} {
		l, err := p.attach(p.symbol, p.program, opts)
		if err != nil {
			return err
		}
		t.tls[place] = append(t.tls[place], l)
	}
	return nil
}

func (t *Tier) unwatchTLS(place uint32) error {
	if t.tls[place] == nil {
		return nil
	}
	errs := []error{t.watched(place, false)}
	for _, l := range t.tls[place] {
		errs = append(errs, l.Close())
	}
	delete(t.tls, place)
	return errors.Join(errs...)
}

// watched tells the programs for sockets whether those for OpenSSL are at work.
func (t *Tier) watched(place uint32, on bool) error {
	var all [MaxServers]uint8
	if err := t.objects.TlsWatched.Get(&all); err != nil {
		return fmt.Errorf("%s: %w", doingTLS, err)
	}
	all[place] = flag(on)
	if err := t.objects.TlsWatched.Set(&all); err != nil {
		return fmt.Errorf("%s: %w", doingTLS, err)
	}
	return nil
}

// openSSL returns the file with a process's OpenSSL, as seen from here: its shared
// library, or else the program itself, into which it may be linked.
func openSSL(pid int) (string, error) {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	maps, err := os.Open(filepath.Join(proc, "maps"))
	if err != nil {
		return "", err
	}
	defer maps.Close()
	lines := bufio.NewScanner(maps)
	for lines.Scan() {
		_, path, ok := strings.Cut(lines.Text(), "/")
		if ok && strings.HasPrefix(filepath.Base(path), "libssl.so") {
			return filepath.Join(proc, "root", path), nil
		}
	}
	return filepath.Join(proc, "exe"), lines.Err()
}

// refusedTLS says what watching OpenSSL takes.
func refusedTLS(err error) error {
	switch {
	case errors.Is(err, link.ErrNoSymbol), errors.Is(err, link.ErrNotSupported):
		return &need.Error{
			Doing: doingTLS, What: "a server whose SSL_read can be found by its name", Err: err,
			Mend: "use OpenSSL as a shared library, or do not strip the server into which it is linked",
		}
	case errors.Is(err, fs.ErrPermission):
		return &need.Error{Doing: doingTLS, What: "CAP_SYS_ADMIN", Mend: "run as root", Privilege: true, Err: err}
	}
	return fmt.Errorf("%s: %w", doingTLS, err)
}
