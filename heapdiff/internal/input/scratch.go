package input

import (
	"errors"
	"fmt"
	"os"
	"runtime"
)

// Scratch makes a file without a lasting name in dir. The function it returns
// closes it; where the system allows, the name is gone already, so that not even
// a killed process leaves it behind.
func Scratch(dir string) (*os.File, func() error, error) {
	f, err := os.CreateTemp(dir, "heapdiff-*.tmp")
	if err != nil {
		return nil, nil, fmt.Errorf("make a scratch file: %w (--temp-dir chooses another place)", err)
	}
	if runtime.GOOS != "windows" {
		if err := os.Remove(f.Name()); err != nil {
			return nil, nil, errors.Join(fmt.Errorf("make a scratch file: %w", err), f.Close())
		}
		return f, f.Close, nil
	}
	return f, func() error { return errors.Join(f.Close(), os.Remove(f.Name())) }, nil
}
