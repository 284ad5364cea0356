//go:build !propagate_noambient

package propagate

import (
	"context"
	"runtime/pprof"
	"testing"
	"unsafe"
)

// TestSelfTest fails where the tests about goroutines would be skipped.
func TestSelfTest(t *testing.T) {
	if !Ambient() {
		t.Fatal("the self test fails with this runtime: goroutines carry nothing")
	}
	if !selfTest() {
		t.Error("the self test fails the second time")
	}
}

// TestSelfTestFails breaks what the self test relies on.
func TestSelfTestFails(t *testing.T) {
	defer func(key any) { pprofKey = key }(pprofKey)
	pprofKey = unasked{}
	if selfTest() {
		t.Error("the self test passes without runtime/pprof's key")
	}
}

// switchOff turns ambient mode off as a failed self test does.
func switchOff(t *testing.T) {
	ambient = false
	t.Cleanup(func() { ambient = true })
}

func TestCellSize(t *testing.T) {
	if size := unsafe.Sizeof(cell{}); size != 192 {
		t.Errorf("a cell has %d bytes, want 192: the next size class keeps more in parked goroutines", size)
	}
	if listOffset != unsafe.Sizeof(header{}) || unsafe.Offsetof(node4{}.list) != listOffset ||
		unsafe.Offsetof(node8{}.list) != listOffset || unsafe.Offsetof(node16{}.list) != listOffset {
		t.Error("the lists of cells and nodes lie at different offsets")
	}
}

// TestLeaveInsideUsersDo leaves a scope inside a user's pprof.Do, which sees
// to its own labels.
func TestLeaveInsideUsersDo(t *testing.T) {
	needAmbient(t)
	r := newRef()
	scope := r.Enter()
	pprof.Do(NewContext(bg, r), pprof.Labels("user", "1"), func(context.Context) {
		scope.Leave()
		want(t, "inside", Current(), r)
		if got := labels(t); got["user"] != "1" {
			t.Errorf("the user's label is gone: %v", got)
		}
	})
	scope.Leave()
	want(t, "after", Current(), Ref{})
}
