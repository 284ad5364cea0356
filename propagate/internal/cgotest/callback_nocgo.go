//go:build !cgo

package cgotest

import "errors"

// Supported reports whether the build has cgo.
const Supported = false

// Here fails: there is no C in this build.
func Here(func()) error { return errors.ErrUnsupported }

// Thread fails: there is no C in this build.
func Thread(func()) error { return errors.ErrUnsupported }
