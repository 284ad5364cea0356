package input

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func packGzip(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func packZstd(t *testing.T, b []byte) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = z.Close() }()
	return z.EncodeAll(b, nil)
}

func TestOpen(t *testing.T) {
	content := bytes.Repeat([]byte("snapshot "), 1000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/heap" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(content)
	}))
	defer server.Close()
	defer http.DefaultClient.CloseIdleConnections()
	for name, packed := range map[string][]byte{"plain": content, "gzip": packGzip(t, content), "zstd": packZstd(t, content)} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "snapshot")
			if err := os.WriteFile(path, packed, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, source := range []string{path, "-"} {
				scratch := t.TempDir()
				in, err := Open(context.Background(), source, Options{TempDir: scratch, Stdin: bytes.NewReader(packed)})
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(in.Data, content) || in.Damage != nil {
					t.Errorf("%s: got %d bytes, damage %v", source, len(in.Data), in.Damage)
				}
				if err := in.Close(); err != nil {
					t.Error(err)
				}
				if left, err := os.ReadDir(scratch); err != nil || len(left) > 0 {
					t.Errorf("%s: left behind: %v %v", source, left, err)
				}
			}
		})
	}
	in, err := Open(context.Background(), server.URL+"/heap?token=geheim", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	}()
	if !bytes.Equal(in.Data, content) || strings.Contains(in.Name, "geheim") {
		t.Errorf("URL: got %d bytes as %s", len(in.Data), in.Name)
	}
}

func TestOpenBreaksOff(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 100_000)
	for name, packed := range map[string][]byte{"gzip": packGzip(t, content), "zstd": packZstd(t, content)} {
		in, err := Open(context.Background(), "-", Options{TempDir: t.TempDir(), Stdin: bytes.NewReader(packed[:len(packed)-5])})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if in.Damage == nil || !bytes.HasPrefix(content, in.Data) {
			t.Errorf("%s: damage %v, %d bytes", name, in.Damage, len(in.Data))
		}
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	defer http.DefaultClient.CloseIdleConnections()
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken.gz")
	if err := os.WriteFile(broken, []byte{0x1f, 0x8b, 9, 9, 9}, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]string{
		filepath.Join(dir, "none"):        "no such file",
		dir:                               "directory",
		"-":                               "no standard input",
		server.URL + "/x?password=geheim": "404",
		"http://user:geheim@127.0.0.1:1/?token=geheim": "refused",
		"http://[geheim": "not a valid URL",
		broken:           "gzip header",
	}
	for source, want := range tests {
		_, err := Open(context.Background(), source, Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", source, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: the error tells the secret: %v", source, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Open(ctx, "-", Options{Stdin: strings.NewReader("x"), TempDir: dir}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: got %v", err)
	}
	if _, err := Open(context.Background(), "-", Options{Stdin: strings.NewReader("x"), TempDir: dir + "/none"}); err == nil || !strings.Contains(err.Error(), "--temp-dir") {
		t.Errorf("no scratch directory: got %v", err)
	}
}

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"file?x=1": "file?x=1",
		"http://u:p@host:80/debug/heap?token=x#y": "http://host:80/debug/heap?…",
		"https://host/a": "https://host/a",
		"http://[bad":    "http://…",
	} {
		if got := Redact(in); got != want {
			t.Errorf("Redact(%q) = %q, want %q", in, got, want)
		}
	}
}
