//go:build cgo

package cgotest

/*
#cgo LDFLAGS: -lpthread
#include <pthread.h>

extern void clewCallback(void);

static void here(void) { clewCallback(); }

static void *elsewhere(void *unused) {
	clewCallback();
	return unused;
}

// thread runs the callback on a thread that Go did not make, and waits for it.
static int thread(void) {
	pthread_t t;
	int err = pthread_create(&t, 0, elsewhere, 0);
	return err ? err : pthread_join(t, 0);
}
*/
import "C"

import (
	"sync"
	"syscall"
)

// Supported reports whether the build has cgo.
const Supported = true

var (
	mu       sync.Mutex
	callback func()
)

//export clewCallback
func clewCallback() { callback() }

// Here calls f from C on the calling thread.
func Here(f func()) error {
	mu.Lock()
	defer mu.Unlock()
	callback = f
	C.here()
	return nil
}

// Thread calls f from C on a new thread.
func Thread(f func()) error {
	mu.Lock()
	defer mu.Unlock()
	callback = f
	if err := C.thread(); err != 0 {
		return syscall.Errno(err)
	}
	return nil
}
