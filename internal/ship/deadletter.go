package ship

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"
)

// letter is a line of the dead-letter file.
type letter struct {
	Time     time.Time       `json:"time"`
	Index    string          `json:"index"`
	ID       string          `json:"id"`
	Status   int             `json:"status,omitempty"`
	Reason   string          `json:"reason"`
	Document json.RawMessage `json:"document,omitempty"`
	Text     string          `json:"text,omitempty"` // of a document that is no JSON
}

// deadLetters is the file that they go to; it is made for the first.
type deadLetters struct {
	path string

	mu    sync.Mutex
	f     *os.File
	dirty bool
}

func (d *deadLetters) add(l letter, body []byte) error {
	if json.Valid(body) {
		l.Document = body
	} else {
		l.Text = string(body)
	}
	line, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("write dead letter: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.f == nil {
		if d.f, err = os.OpenFile(d.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600); err != nil {
			return fmt.Errorf("write dead letter: %w", err)
		}
	}
	d.dirty = true
	if _, err := d.f.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write dead letter: %w", err)
	}
	return nil
}

func (d *deadLetters) sync() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.dirty {
		return nil
	}
	d.dirty = false
	if err := d.f.Sync(); err != nil {
		return fmt.Errorf("write dead letters: %w", err)
	}
	return nil
}

func (d *deadLetters) close() error {
	if d.f == nil {
		return nil
	}
	return d.f.Close()
}
