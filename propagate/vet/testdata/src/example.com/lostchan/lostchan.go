package lostchan

import "context"

func index(ctx context.Context) {}

type request struct {
	key   string
	reply chan string
}

type printJob struct{ pages int }

type carrier struct {
	ctx   context.Context
	reply chan string
}

type conn struct{ onClose func() }

func send(ctx context.Context, funcs chan func(), reqs chan request, jobs chan *printJob, carriers chan carrier, errs chan error, f func()) {
	funcs <- func() { index(context.Background()) }     // want `function is sent without ctx: it calls context.Background\(\)`
	funcs <- f                                          // want `function is sent without ctx: it is a caller's work`
	reqs <- request{key: "a", reply: make(chan string)} // want `work item is sent without ctx: request has no context`
	j := &printJob{pages: 1}
	jobs <- j // want `work item is sent without ctx: \*printJob has no context`
	select {
	case jobs <- new(printJob): // want `work item is sent without ctx`
	case <-ctx.Done():
	}

	// No findings below.
	funcs <- func() { index(ctx) }
	funcs <- func() {}
	carriers <- carrier{ctx: ctx}
	errs <- nil
	//propagate:detached printing is a batch of its own
	jobs <- j
}

func putBack(ctx context.Context, idle chan *conn, c *conn) { idle <- c }

func noContext(reqs chan request) { reqs <- request{} }

func own(ctx context.Context) {
	reqs := make(chan request)
	go func() { <-reqs }()
	reqs <- request{key: "a"}
}

func subscribe(on func(func(ctx context.Context))) {
	reqs := make(chan request)
	on(func(ctx context.Context) {
		reqs <- request{key: "a"} // want `work item is sent without ctx`
	})
}

type answer struct {
	err  error
	more chan string
}

func back(ctx context.Context, out chan answer) { out <- answer{more: make(chan string)} }
