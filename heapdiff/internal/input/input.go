// Package input brings a snapshot before its parser as one slice of bytes,
// wherever it lies (file, standard input, URL) and however it is packed (plain,
// gzip, zstd). A plain file is mapped, not read.
package input

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// Input is an opened snapshot. Close releases it; Data must not be used after.
type Input struct {
	Name string // what the user called it, without any secret of a URL
	Path string // the file it was read from, or "" if it came by pipe or network
	Data []byte // the whole content, unpacked; read only

	// Time is when the file was last written, or when the bytes came.
	Time time.Time
	// Damage is not nil when the packing breaks off: Data is what came before.
	Damage error

	release []func() error
}

// Options say where Open may work.
type Options struct {
	TempDir string    // for scratch files; "" is os.TempDir
	Stdin   io.Reader // what "-" reads; nil means that "-" cannot be read
}

// Open opens source: "-", an http or https URL, or a file.
func Open(ctx context.Context, source string, o Options) (*Input, error) {
	in := &Input{Name: Redact(source), Time: time.Now()}
	if err := in.open(ctx, source, o); err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return in, nil
}

// Close releases the data.
func (in *Input) Close() error {
	var err error
	for _, release := range slices.Backward(in.release) {
		err = errors.Join(err, release())
	}
	in.release, in.Data = nil, nil
	return err
}

// Head returns the first n bytes, or all there are.
func (in *Input) Head(n int) []byte { return in.Data[:min(n, len(in.Data))] }

func (in *Input) open(ctx context.Context, source string, o Options) error {
	switch {
	case source == "-":
		if o.Stdin == nil {
			return errors.New("there is no standard input to read")
		}
		return in.stream(ctx, o.Stdin, o)
	case IsURL(source):
		return in.fetch(ctx, source, o)
	default:
		return in.file(ctx, source, o)
	}
}

// file maps a regular file and spools anything else, such as a named pipe.
func (in *Input) file(ctx context.Context, path string, o Options) error {
	f, err := os.Open(path)
	if err != nil {
		return cause(err)
	}
	in.release = append(in.release, f.Close)
	info, err := f.Stat()
	if err != nil {
		return cause(err)
	}
	if info.IsDir() {
		return errors.New("it is a directory, not a snapshot")
	}
	in.Path, in.Time = path, info.ModTime()
	if !info.Mode().IsRegular() {
		return in.stream(ctx, f, o)
	}
	head := make([]byte, headSize)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return cause(err)
	}
	if packing(head[:n]) != plain {
		return in.stream(ctx, f, o)
	}
	return in.mapFile(f, info.Size())
}

// stream copies r into a scratch file, unpacked, and maps that.
func (in *Input) stream(ctx context.Context, r io.Reader, o Options) error {
	f, remove, err := Scratch(o.TempDir)
	if err != nil {
		return err
	}
	in.release = append(in.release, remove)
	n, damage, err := unpack(ctx, f, r)
	if err != nil {
		return err
	}
	in.Damage = damage
	return in.mapFile(f, n)
}

func (in *Input) fetch(ctx context.Context, source string, o Options) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, source, nil)
	if err != nil {
		return errors.New("it is not a valid URL")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return cause(err) // without the URL, which may hold a password
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answered %s", resp.Status)
	}
	return in.stream(ctx, resp.Body, o)
}

// cause strips the operation and the name that the os and net/http packages put
// before an error; the caller says both in its own words.
func cause(err error) error {
	var pathErr *os.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	var urlErr *url.Error
	if errors.As(err, &urlErr) {
		return urlErr.Err
	}
	return err
}

// IsURL tells whether source is to be fetched.
func IsURL(source string) bool {
	return strings.HasPrefix(source, "http://") || strings.HasPrefix(source, "https://")
}

// Redact returns source without what may be secret in a URL: the user, the
// values of the query, the fragment.
func Redact(source string) string {
	if !IsURL(source) {
		return source
	}
	u, err := url.Parse(source)
	if err != nil {
		scheme, _, _ := strings.Cut(source, "://")
		return scheme + "://…"
	}
	u.User, u.Fragment = nil, ""
	if u.RawQuery != "" {
		u.RawQuery = "…"
	}
	return u.String()
}
