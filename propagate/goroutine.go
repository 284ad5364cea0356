//go:build !propagate_noambient

package propagate

import "unsafe"

// The two functions below are the only ones taken from the runtime by name.
// The runtime promises to keep them: see go.dev/issue/67401 and the comment in
// runtime/proflabel.go. (A body-less function needs an assembly file in the
// package: linkname.s.)

//go:linkname runtime_setProfLabel runtime/pprof.runtime_setProfLabel
func runtime_setProfLabel(labels unsafe.Pointer)

//go:linkname runtime_getProfLabel runtime/pprof.runtime_getProfLabel
func runtime_getProfLabel() unsafe.Pointer
