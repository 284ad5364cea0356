//go:build propagate_noambient

package propagate

import "testing"

// switchOff does nothing: goroutines carry nothing in this build.
func switchOff(*testing.T) {}
