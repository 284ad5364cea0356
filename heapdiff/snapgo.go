package heapdiff

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/clewhq/clew/heapdiff/internal/input"
	"github.com/clewhq/clew/heapdiff/internal/sampled"
)

// SnapGoOptions say how a Go process is watched. The zero value is a good choice.
type SnapGoOptions struct {
	// Profiles is how many are taken; 0 means 8. Fewer than three show no trend.
	Profiles int
	// Every is the time between two; 0 means 30 s. It is longer where no garbage
	// collection has completed meanwhile, as the profile is then the same.
	Every time.Duration
	// Patience is how long to wait for a collection beyond Every; 0 means three
	// minutes, as the runtime collects every two even when idle.
	Patience time.Duration
	// Client makes the requests; nil is one that gives up after a minute.
	Client *http.Client
	// Taken, when not nil, is called after each profile.
	Taken func(*Snapshot)
}

// maxProfile bounds a profile that is fetched, in bytes.
const maxProfile = 512 << 20

// SnapGo takes heap profiles of a running Go process from its net/http/pprof
// endpoint, each after another garbage collection than the one before, and at the
// end the profile of leaked goroutines where the runtime offers it. target is the
// URL of the process, of its /debug/pprof or of the heap profile itself; without a
// scheme it is http. With an error come the profiles taken until then.
func SnapGo(ctx context.Context, target string, o SnapGoOptions) ([]*Snapshot, error) {
	w, err := newWatcher(target, o)
	if err != nil {
		return nil, err
	}
	var out []*Snapshot
	for len(out) < w.o.Profiles {
		if len(out) > 0 {
			if err := wait(ctx, w.o.Every); err != nil {
				return out, err
			}
		}
		s, err := w.next(ctx)
		if err != nil {
			return out, fmt.Errorf("watch %s: profile %d of %d: %w", w.name, len(out)+1, w.o.Profiles, err)
		}
		if len(out) == w.o.Profiles-1 {
			if err := w.leaks(ctx, s); err != nil {
				s.Warnings = append(s.Warnings, fmt.Sprintf("the profile of leaked goroutines: %v", err))
			}
		}
		out = append(out, s)
		if w.o.Taken != nil {
			w.o.Taken(s)
		}
	}
	return out, nil
}

// watcher fetches the profiles of one process.
type watcher struct {
	o    SnapGoOptions
	heap url.URL
	name string // without what may be secret
	last int64  // number of the garbage collection that the last profile shows
	dark bool   // it shows no runtime/metrics
}

func newWatcher(target string, o SnapGoOptions) (*watcher, error) {
	if !strings.Contains(target, "://") {
		target = "http://" + target
	}
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("that is not the URL of a process; want http://HOST:PORT") // it may hold a password
	}
	path := strings.TrimSuffix(u.Path, "/")
	switch {
	case path == "":
		path = "/debug/pprof/heap"
	case strings.HasSuffix(path, "/pprof"):
		path += "/heap"
	}
	u.Path = path
	if o.Profiles <= 0 {
		o.Profiles = 8
	}
	if o.Every <= 0 {
		o.Every = 30 * time.Second
	}
	if o.Patience <= 0 {
		o.Patience = 3 * time.Minute
	}
	if o.Client == nil {
		o.Client = &http.Client{Timeout: time.Minute}
	}
	return &watcher{o: o, heap: *u, name: input.Redact(target), last: -1}, nil
}

// next takes a profile after a collection that none before shows.
func (w *watcher) next(ctx context.Context) (*Snapshot, error) {
	const again = time.Second
	for waited := time.Duration(0); ; waited += again {
		s, err := w.take(ctx)
		if err != nil {
			return nil, err
		}
		if n := s.Sampling.Runtime.NumGC; n != w.last {
			w.last = n
			if err := w.metrics(ctx, s.Sampling.Runtime); err != nil {
				s.Warnings = append(s.Warnings, err.Error())
			}
			return s, nil
		}
		if waited >= w.o.Patience {
			return nil, fmt.Errorf("no garbage collection within %v: the profile is the one before", w.o.Every+w.o.Patience)
		}
		if err := wait(ctx, again); err != nil {
			return nil, err
		}
	}
}

// take fetches the text form, which has the runtime's numbers for the same moment.
func (w *watcher) take(ctx context.Context) (*Snapshot, error) {
	at := time.Now()
	u := w.heap
	q := u.Query()
	q.Set("debug", "1")
	u.RawQuery = q.Encode()
	b, err := w.get(ctx, u)
	if err != nil {
		return nil, err
	}
	p, err := sampled.Parse(b)
	if err != nil {
		return nil, err
	}
	if p.Runtime == nil {
		return nil, errors.New("the answer is not Go's heap profile: there is no NumGC in it")
	}
	p.Time, p.Go = at.UTC(), true
	s := newSampled(p)
	s.Source = fmt.Sprintf("%s#%d", w.name, p.Runtime.NumGC)
	return s, nil
}

// errNotFound is the answer of a runtime that does not know a profile.
var errNotFound = errors.New("the server answered 404 Not Found; does the process import net/http/pprof?")

func (w *watcher) get(ctx context.Context, u url.URL) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, errors.New("it is not a valid URL")
	}
	resp, err := w.o.Client.Do(req)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err // without the URL, which may hold a password
		}
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxProfile+1))
	err = errors.Join(err, resp.Body.Close())
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode == http.StatusNotFound:
		return nil, errNotFound
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the server answered %s", resp.Status)
	case len(b) > maxProfile:
		return nil, fmt.Errorf("the profile is larger than %d MiB", maxProfile>>20)
	}
	return b, nil
}

// leaks adds the goroutines that the runtime found to be blocked for ever. Only
// Go 1.27, and 1.26 built with GOEXPERIMENT=goroutineleakprofile, can tell.
func (w *watcher) leaks(ctx context.Context, s *Snapshot) error {
	u := w.heap
	u.Path = u.Path[:strings.LastIndexByte(u.Path, '/')+1] + "goroutineleak"
	u.RawQuery = ""
	b, err := w.get(ctx, u)
	if errors.Is(err, errNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	stacks, err := sampled.ParseCount(b)
	if err != nil {
		return err
	}
	for _, st := range stacks {
		h := stackHolder(&ClassDelta{At: []Class{{Stack: st.Frames}}})
		s.Findings = append(s.Findings, Finding{
			Kind: "goroutine-leak", Subject: h.Holder, Count: st.InUse.Objects,
			Text: fmt.Sprintf("%d goroutines are blocked for ever in %s: nothing that runs can wake them", st.InUse.Objects, h.Holder),
		})
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
