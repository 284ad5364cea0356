//go:build !unix

package spool

import (
	"os"
	"path/filepath"
)

// Lock opens the file name in dir. This system has no lock that ends with the
// process, so it is left to the user that no two processes use one spool.
func Lock(dir, name string) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE, 0o600)
}
