package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Cursor is a place between two records of a spool. The zero Cursor is before
// the oldest record there is.
type Cursor struct {
	Segment uint64 `json:"segment"` // number of the segment
	Offset  int64  `json:"offset"`  // in bytes
	Session uint64 `json:"session"` // whose records these are
	Next    uint64 `json:"next"`    // number of the record that should come next
	// Lost is how many records before this place were missing.
	Lost uint64 `json:"lost"`
}

// LoadCursor returns the cursor that [Cursor.Save] has left in dir, the zero one
// if there is none.
func LoadCursor(dir string) (Cursor, error) {
	var c Cursor
	path := filepath.Join(dir, cursorName)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, fmt.Errorf("read cursor: %w", err)
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return Cursor{}, fmt.Errorf("read cursor %s: %w; remove the file to begin again at the oldest record", path, err)
	}
	if c.Offset < 0 {
		return Cursor{}, fmt.Errorf("read cursor %s: offset %d; remove the file to begin again at the oldest record", path, c.Offset)
	}
	return c, nil
}

// Save leaves c in dir, so that it is there whole after a crash, of the machine
// too, or the one before it is.
func (c Cursor) Save(dir string) error {
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if err := replaceFile(filepath.Join(dir, cursorName), append(b, '\n')); err != nil {
		return fmt.Errorf("save cursor: %w", err)
	}
	return nil
}

func replaceFile(path string, b []byte) error {
	temp := path + ".tmp"
	// The Writer reads it too, and may be another user than who ships.
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(temp, path)
}
