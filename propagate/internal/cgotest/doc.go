// Package cgotest calls Go from C for the tests of package propagate, which
// cannot contain cgo themselves. Nothing else imports it.
package cgotest
