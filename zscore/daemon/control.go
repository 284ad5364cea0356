package daemon

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/clewhq/clew/zscore/alert"
)

// control is the file by which an operator's program on the same machine finds
// the daemon, and shows that it may read the daemon's state.
type control struct {
	Addr  string `json:"addr"`
	Token string `json:"token"`
}

func controlPath(dir string) string { return filepath.Join(dir, "control.json") }

// controlSize is what the file always has, padded with blanks: on a full disk it
// can be written over when it can't be written anew.
const controlSize = 256

// publish writes the control file, readable by the daemon's user only. An empty
// address says that the daemon has ended.
func publish(dir string, c control) error {
	raw, err := json.Marshal(c)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(controlPath(dir), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("publish the control file: %w", err)
	}
	_, err = f.WriteAt(fmt.Appendf(nil, "%-*s", controlSize, raw), 0)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("publish the control file: %w", err)
	}
	return nil
}

// ErrNotRunning says that no daemon runs on a state.
var ErrNotRunning = errors.New("no daemon runs on this state: start it with spikewatch run")

// Client asks a daemon of this machine to do something.
type Client struct {
	control control
	http    *http.Client
}

// Dial finds the daemon that runs on the state in dir.
func Dial(dir string) (*Client, error) {
	raw, err := os.ReadFile(controlPath(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", dir, ErrNotRunning)
	}
	if err != nil {
		return nil, err
	}
	c := &Client{http: &http.Client{Timeout: 30 * time.Second}}
	if err := json.Unmarshal(raw, &c.control); err != nil {
		return nil, fmt.Errorf("read %s: %w", controlPath(dir), err)
	}
	if c.control.Addr == "" {
		return nil, fmt.Errorf("%s: %w", dir, ErrNotRunning)
	}
	return c, nil
}

// call makes a request and decodes its answer into out, unless that is nil.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+c.control.Addr+"/api/v1/"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.control.Token)
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("ask the daemon at %s: %w", c.control.Addr, errors.Join(ErrNotRunning, err))
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return errors.New(strings.TrimSpace(string(got)))
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(got, out)
}

type (
	silencesAnswer struct {
		SchemaVersion int             `json:"schema_version"`
		Silences      []alert.Silence `json:"silences"`
	}
	alertsAnswer struct {
		SchemaVersion int              `json:"schema_version"`
		Alerts        []alert.Incident `json:"alerts"`
	}
	outboxAnswer struct {
		SchemaVersion int                   `json:"schema_version"`
		Outbox        []alert.Entry         `json:"outbox"`
		Holds         map[string]alert.Hold `json:"holds"`
	}
	seriesAnswer struct {
		SchemaVersion int          `json:"schema_version"`
		Total         int          `json:"total"`
		Series        []SeriesView `json:"series"`
		Inputs        []InputView  `json:"inputs"`
	}
)

// Silences lists the silences.
func (c *Client) Silences(ctx context.Context) ([]alert.Silence, error) {
	var a silencesAnswer
	err := c.call(ctx, http.MethodGet, "silences", nil, &a)
	return a.Silences, err
}

// Silence puts a silence in force and answers its id.
func (c *Client) Silence(ctx context.Context, s alert.Silence) (id string, err error) {
	err = c.call(ctx, http.MethodPost, "silences", s, &id)
	return id, err
}

// Unsilence ends a silence.
func (c *Client) Unsilence(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodDelete, "silences/"+id, nil, nil)
}

// Absorb has the series of an incident take what goes on for normal.
func (c *Client) Absorb(ctx context.Context, id string) (i alert.Incident, err error) {
	err = c.call(ctx, http.MethodPost, "alerts/"+id+"/absorb", nil, &i)
	return i, err
}

// Outbox lists the messages that wait, and the receivers that are not sent to.
func (c *Client) Outbox(ctx context.Context) ([]alert.Entry, map[string]alert.Hold, error) {
	var a outboxAnswer
	err := c.call(ctx, http.MethodGet, "outbox", nil, &a)
	return a.Outbox, a.Holds, err
}

// Retry has all messages that wait sent now, and answers how many there are.
func (c *Client) Retry(ctx context.Context) (n int, err error) {
	err = c.call(ctx, http.MethodPost, "outbox/retry", nil, &n)
	return n, err
}

// Drop takes a message out of the outbox unsent.
func (c *Client) Drop(ctx context.Context, seq uint64) error {
	return c.call(ctx, http.MethodDelete, "outbox/"+strconv.FormatUint(seq, 10), nil, nil)
}

// maxRequest bounds what an operator's request may be.
const maxRequest = 64 << 10

// api adds the API: everybody who reaches the page may read, and who can read the
// control file may change.
func (d *daemon) api(mux *http.ServeMux, token string) {
	mux.HandleFunc("GET /api/v1/series", func(w http.ResponseWriter, _ *http.Request) {
		views, total := d.watcher.views(apiSeries)
		answer(w, seriesAnswer{apiVersion, total, views, d.watcher.inputViews()})
	})
	mux.HandleFunc("GET /api/v1/explain", d.explain)
	mux.HandleFunc("GET /api/v1/alerts", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, alertsAnswer{apiVersion, d.book.Incidents()})
	})
	mux.HandleFunc("GET /api/v1/silences", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, silencesAnswer{apiVersion, d.book.Silences()})
	})
	mux.HandleFunc("GET /api/v1/outbox", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, outboxAnswer{apiVersion, d.book.Outbox(), d.book.Holds(time.Now())})
	})
	act := func(pattern string, do func(r *http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			got := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
			if subtle.ConstantTimeCompare([]byte(got), []byte(token)) != 1 {
				http.Error(w, "use the program spikewatch, as a user who may read its state", http.StatusForbidden)
				return
			}
			r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
			out, err := do(r)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			answer(w, out)
		})
	}
	act("POST /api/v1/silences", func(r *http.Request) (any, error) {
		var s alert.Silence
		if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
			return nil, err
		}
		return d.book.AddSilence(s)
	})
	act("DELETE /api/v1/silences/{id}", func(r *http.Request) (any, error) {
		return nil, d.book.EndSilence(time.Now(), r.PathValue("id"))
	})
	act("POST /api/v1/alerts/{id}/absorb", func(r *http.Request) (any, error) {
		i, err := d.book.Absorb(time.Now(), r.PathValue("id"))
		if err == nil {
			d.watcher.absorb(i)
		}
		return i, err
	})
	act("POST /api/v1/outbox/retry", func(*http.Request) (any, error) { return d.book.Retry(time.Now()), nil })
	act("DELETE /api/v1/outbox/{seq}", func(r *http.Request) (any, error) {
		seq, err := strconv.ParseUint(r.PathValue("seq"), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is no number of a message", r.PathValue("seq"))
		}
		return nil, d.book.Drop(seq)
	})
}
