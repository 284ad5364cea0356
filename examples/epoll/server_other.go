//go:build !linux

package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/clewhq/clew/propagate"
)

type server struct{ addr string }

func newServer(string, propagate.LoopConfig) (*server, error) {
	return nil, fmt.Errorf("epoll on %s: %w: it is Linux's", runtime.GOOS, errors.ErrUnsupported)
}

func (*server) run(context.Context) error { return errors.ErrUnsupported }
