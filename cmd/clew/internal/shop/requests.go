package shop

import (
	"context"

	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/requestlog"
)

// requests is the request log of a service, which may be none.
type requests struct {
	ctx context.Context // of the service
	log *requestlog.Log // nil: none
}

func openRequests(ctx context.Context, dir string) (*requests, error) {
	r := &requests{ctx: ctx}
	if dir == "" {
		return r, nil
	}
	var err error
	r.log, err = requestlog.Open(dir)
	return r, err
}

// option has the service's door write into the log.
func (r *requests) option() trace.Option {
	if r.log == nil {
		return nil
	}
	return trace.WithObserver(r.log.Observe)
}

// close closes the log when its service has come to an end.
func (r *requests) close() error {
	if r.log == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), stopTime)
	defer cancel()
	return r.log.Close(ctx)
}
