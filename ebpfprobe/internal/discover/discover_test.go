package discover

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const tcpHeader = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"

func tcpLine(port, state, inode string) string {
	return "   0: 0100007F:" + port + " 00000000:0000 " + state + " 00000000:00000000 00:00000000 00000000     0        0 " + inode + " 1 0 100 0 0 10 0\n"
}

// makeProc writes a /proc with one process 42.
func makeProc(t *testing.T, files map[string]string, links map[string]string) Proc {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, "42", name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range links {
		path := filepath.Join(root, "42", name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.Symlink(to, path)); err != nil {
			t.Fatal(err)
		}
	}
	return Proc(root)
}

func stat(name, state string) string {
	return "42 (" + name + ") " + state + " 7" + strings.Repeat(" 0", 17) + " 12345 0 0\n"
}

func TestLook(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	tests := []struct {
		name  string
		files map[string]string
		links map[string]string
		want  Server
	}{
		{
			"cluster node in a container",
			map[string]string{
				"stat": stat("valkey-server", "S"), "cgroup": "0::/system.slice/docker-" + id + ".scope\n", "cmdline": "valkey-server *:7000 [cluster]\x00",
				"net/tcp":  tcpHeader + tcpLine("1B58", "0A", "11") + tcpLine("4268", "0A", "12") + tcpLine("1F90", "0A", "99") + tcpLine("1B58", "01", "13"),
				"net/tcp6": tcpHeader,
			},
			map[string]string{"fd/5": "socket:[11]", "fd/6": "socket:[12]", "fd/7": "/dev/null", "fd/8": "socket:[13]", "ns/net": "net:[4026531840]"},
			Server{PID: 42, Parent: 7, Started: 12345, Name: "valkey-server", Ports: []uint16{7000}, NetNS: 4026531840, Container: id[:12]},
		},
		{
			"sockets not to be seen",
			map[string]string{"stat": stat("redis-server", "S"), "cmdline": "/usr/bin/redis-server 127.0.0.1:6380\x00\x00"},
			map[string]string{"ns/net": "net:[77]"},
			Server{PID: 42, Parent: 7, Started: 12345, Name: "redis-server", Ports: []uint16{6380}, NetNS: 77},
		},
		{
			"a name to trip over",
			map[string]string{"stat": stat("a) S (b", "R"), "cmdline": ""},
			map[string]string{"ns/net": "net:[77]"},
			Server{PID: 42, Parent: 7, Started: 12345, Name: "a) S (b", NetNS: 77},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := makeProc(t, test.files, test.links).Look(42)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("server (-want +got):\n%s", diff)
			}
			if want := slices.Contains(Programs, test.want.Name); got.IsServer() != want {
				t.Errorf("IsServer = %v, want %v", got.IsServer(), want)
			}
		})
	}
}

func TestLookAtNothing(t *testing.T) {
	for name, p := range map[string]Proc{
		"no process": makeProc(t, nil, nil),
		"a zombie":   makeProc(t, map[string]string{"stat": stat("redis-server", "Z")}, nil),
	} {
		if _, err := p.Look(42); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: error %v, want one that is fs.ErrNotExist", name, err)
		}
	}
	if _, err := makeProc(t, map[string]string{"stat": "42 what"}, nil).Look(42); err == nil {
		t.Error("a stat that is none is taken for one")
	}
}

func TestPids(t *testing.T) {
	got, err := makeProc(t, map[string]string{"stat": ""}, map[string]string{"../self": "42"}).Pids()
	if err != nil || !slices.Equal(got, []int{42}) {
		t.Errorf("Pids() = %v, %v, want 42", got, err)
	}
}
