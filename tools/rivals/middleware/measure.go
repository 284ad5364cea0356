package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// cost is what one request has cost.
type cost struct{ cpu, allocs, bytes float64 }

// workers is how many goroutines make requests.
const workers = 2

// measure serves n requests and divides the bill.
func (s *side) measure(ctx context.Context, sampled bool, n int) (cost, error) {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start, err := cpuTime()
	if err != nil {
		return cost{}, err
	}
	var all sync.WaitGroup
	for range workers {
		all.Go(func() { s.work(sampled, n/workers) })
	}
	all.Wait()
	if err := s.flush(ctx); err != nil {
		return cost{}, err
	}
	end, err := cpuTime()
	if err != nil {
		return cost{}, err
	}
	runtime.ReadMemStats(&after)
	served := n / workers * workers
	if sampled {
		s.served += served
	}
	per := float64(served)
	return cost{
		cpu:    float64(end-start) / per,
		allocs: float64(after.Mallocs-before.Mallocs) / per,
		bytes:  float64(after.TotalAlloc-before.TotalAlloc) / per,
	}, nil
}

func (s *side) work(sampled bool, n int) {
	r, cancel := newRequest(sampled)
	defer cancel()
	w := &response{header: http.Header{}}
	for range n {
		r.Pattern = ""
		s.handler.ServeHTTP(w, r)
	}
}

// response is a ResponseWriter with the methods that net/http's own has for HTTP/1.1.
type response struct{ header http.Header }

// Header implements [http.ResponseWriter].
func (w *response) Header() http.Header { return w.header }

// WriteHeader implements [http.ResponseWriter].
func (*response) WriteHeader(int) {}

// Write implements [http.ResponseWriter].
func (*response) Write(p []byte) (int, error) { return len(p), nil }

// WriteString implements [io.StringWriter].
func (*response) WriteString(s string) (int, error) { return len(s), nil }

// Flush implements [http.Flusher].
func (*response) Flush() {}

// FlushError is what [http.ResponseController] looks for.
func (*response) FlushError() error { return nil }

// ReadFrom implements [io.ReaderFrom].
func (*response) ReadFrom(r io.Reader) (int64, error) { return io.Copy(io.Discard, r) }

// Hijack implements [http.Hijacker].
func (*response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, errors.ErrUnsupported
}

// cpuTime is what the process has used, in user mode and in the kernel.
func cpuTime() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("getrusage: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
