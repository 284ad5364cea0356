package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// WriteFile writes path through a temporary file beside it that takes its name
// only when write, the sync to disk and the close have succeeded. On failure or
// panic the temporary file is removed and path is as it was. A symbolic link is
// followed, permissions are kept, and what is no regular file (/dev/stdout, a
// named pipe) is written straight.
func WriteFile(path string, write func(io.Writer) error) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return replace(path, nil, write)
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("write %s: it is a directory", path)
	case !info.Mode().IsRegular():
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return fill(f, write)
	default:
		return replace(path, info, write)
	}
}

// replace puts a new file in the place of old, which is nil when there is none.
func replace(path string, old fs.FileInfo, write func(io.Writer) error) (err error) {
	// os.CreateTemp would make the file private; this one gets the user's umask.
	temp := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%08x.tmp", filepath.Base(path), rand.Uint32()))
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	done := false
	defer func() {
		if !done { // an error, or a panic of write
			f.Close()
			os.Remove(temp)
		}
	}()
	if old != nil {
		if err := f.Chmod(old.Mode().Perm()); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			return fmt.Errorf("write %s: %w", path, err)
		}
	}
	if err := fill(f, write); err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	done = true
	return nil
}

// fill writes f, buffered, and closes it; every error on the way counts.
func fill(f *os.File, write func(io.Writer) error) error {
	b := bufio.NewWriterSize(f, 64<<10)
	if err := write(b); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := b.Flush(); err != nil {
		return errors.Join(err, f.Close())
	}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		if err := f.Sync(); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return f.Close()
}
