package ebpfprobe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/clewhq/clew/ebpfprobe/report"
	"github.com/clewhq/clew/internal/peertest"
)

// childVar makes the test binary run as the child of a test, with other rights.
const childVar = "EBPFPROBE_TEST_CHILD"

// stayVar makes the child name its links and stay until it is killed.
const stayVar = "EBPFPROBE_TEST_STAY"

// asChild runs a test again in another process, started by the given program and
// arguments, and returns what it wrote. The child is told the server's port.
func (s *server) asChild(t *testing.T, test string, attr *syscall.SysProcAttr, wrapper ...string) (string, error) {
	t.Helper()
	self := copySelf(t)
	args := append(slices.Clone(wrapper), self, "-test.run=^"+test+"$")
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), childVar+"="+strconv.Itoa(s.port))
	cmd.Dir = "/"
	cmd.SysProcAttr = attr
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// copySelf puts the test's program where nobody can execute it, too.
func copySelf(t *testing.T) string {
	t.Helper()
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "ebpfprobe") //nolint:usetesting // t.TempDir lies below a directory that is root's alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(dir, "test")
	if err := errors.Join(os.WriteFile(path, program, 0o755), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	return path
}

func inChild() bool { return os.Getenv(childVar) != "" }

// needSetpriv returns the program that starts others with fewer rights.
func needSetpriv(t *testing.T) string {
	t.Helper()
	peertest.NeedBPF(t)
	if os.Getuid() != 0 {
		t.Skip("only root can give rights away")
	}
	path, err := exec.LookPath("setpriv")
	if err != nil {
		t.Skip("setpriv is not in PATH; apt-get install util-linux brings it")
	}
	return path
}

// start starts a probe of the server whose port the parent gave, as the child.
func startAsChild() error {
	port, err := strconv.Atoi(os.Getenv(childVar))
	if err != nil {
		return err
	}
	p, err := Start(context.Background(), Config{Ports: []int{port}})
	if err != nil {
		return err
	}
	defer func() { _ = p.Close() }() // the process ends anyway
	c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Write([]byte(command("PING"))); err != nil {
		return err
	}
	if _, err := c.Read(make([]byte, 16)); err != nil {
		return err
	}
	r, err := p.Report()
	if err != nil {
		return err
	}
	if len(r.Servers) != 1 || commandOf(r.Servers[0], "PING").Phases.Wait.Count != 1 {
		return fmt.Errorf("one PING was sent; the report is %+v", r)
	}
	if os.Getenv(stayVar) == "" {
		return nil
	}
	ids, err := p.engine.tiers.lean.Links()
	if err != nil {
		return err
	}
	for _, id := range ids {
		if _, err := fmt.Fprintln(os.Stdout, id); err != nil {
			return err
		}
	}
	select {}
}

// TestRights checks what the probe says to callers with fewer rights than root's.
func TestRights(t *testing.T) {
	if inChild() {
		if err := startAsChild(); err != nil {
			t.Fatal(err)
		}
		return
	}
	setpriv := needSetpriv(t)
	s := startRedis(t)
	nobody := []string{setpriv, "--reuid=65534", "--regid=65534", "--clear-groups"}
	with := func(caps string) []string {
		return append(nobody, "--inh-caps="+caps, "--ambient-caps="+caps, "--bounding-set="+caps)
	}
	newPIDNS := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	tests := []struct {
		name    string
		attr    *syscall.SysProcAttr
		wrapper []string
		want    string // in what the child writes; empty: it works
	}{
		{"two capabilities", nil, with("-all,+bpf,+perfmon"), ""},
		{"no capability", nil, with("-all"), "needs CAP_BPF and CAP_PERFMON: run as root"},
		{"CAP_BPF only", nil, with("-all,+bpf"), "needs CAP_PERFMON: "},
		{"CAP_PERFMON only", nil, with("-all,+perfmon"), "needs CAP_BPF: "},
		{"a pid namespace", newPIDNS, nil, "needs the host's pid namespace; it is in one of its own"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out, err := s.asChild(t, "TestRights", test.attr, test.wrapper...)
			switch {
			case test.want == "" && err != nil:
				t.Errorf("%v: %s", err, out)
			case test.want != "" && (err == nil || !strings.Contains(out, test.want)):
				t.Errorf("%v: %s\nwant %q", err, out, test.want)
			}
		})
	}
}

// TestRightsAreClasses checks that the program can tell a missing right from a
// missing feature.
func TestRightsAreClasses(t *testing.T) {
	right, feature := &Unavailable{What: "CAP_BPF", Privilege: true}, &Unavailable{What: "Linux"}
	if !errors.Is(right, fs.ErrPermission) || errors.Is(right, errors.ErrUnsupported) {
		t.Errorf("%v is not a matter of permission alone", right)
	}
	if !errors.Is(feature, errors.ErrUnsupported) || errors.Is(feature, fs.ErrPermission) {
		t.Errorf("%v is not a matter of support alone", feature)
	}
}

// TestMissingTracepoints simulates kernels that lack what the lean tier stands on.
func TestMissingTracepoints(t *testing.T) {
	s := startRedis(t)
	without := func(t *testing.T, names ...string) *report.Report {
		t.Helper()
		withoutTracepoints = names
		t.Cleanup(func() { withoutTracepoints = nil })
		p := observe(t, Config{Ports: []int{s.port}})
		c := s.dial(t)
		for range 10 {
			c.do("PING")
		}
		r, err := p.Report()
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	t.Run("no arrivals", func(t *testing.T) {
		r := without(t, "sk_data_ready")
		if tier := r.Tiers[0]; tier.State != report.TierDegraded || tier.Missing != "tracepoint sk_data_ready (Linux 6.3)" {
			t.Errorf("tier %+v is not degraded for want of the tracepoint", tier)
		}
		ping := commandOf(r.Servers[0], "PING")
		if ping.Count != 10 || ping.Phases.Wait.Count != 0 || ping.Phases.Service.Count < 9 {
			t.Errorf("10 PINGs: %+v", ping)
		}
	})
	t.Run("no reads", func(t *testing.T) {
		r := without(t, "sock_recv_length")
		if len(r.Tiers) != 2 || r.Tiers[0].State != report.TierMissing || r.Tiers[1].Name != "syscalls" || r.Tiers[1].State != report.TierOn {
			t.Fatalf("tiers %+v, want syscalls in the place of lean", r.Tiers)
		}
		var reads uint64
		for _, c := range r.Servers[0].Syscalls {
			if c.Name == "read" {
				reads = c.Calls
			}
		}
		if reads < 10 {
			t.Errorf("%d reads for 10 PINGs", reads)
		}
	})
}
