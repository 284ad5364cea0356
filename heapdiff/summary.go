package heapdiff

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/clewhq/clew/heapdiff/internal/input"
)

// summaryVersion is raised when an older program could not read a summary right.
const summaryVersion = 1

const summaryHead = `{"heapdiff_summary":`

// WriteSummary writes s as an .hds summary: a few hundred kilobytes that stand
// for the dump in later comparisons. It holds names of classes, fields and
// threads, and no content of any object.
func WriteSummary(w io.Writer, s *Snapshot) error {
	b, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("write summary: %w", err)
	}
	z := gzip.NewWriter(w)
	if _, err := fmt.Fprintf(z, "%s%d,\"snapshot\":%s}\n", summaryHead, summaryVersion, b); err != nil {
		return fmt.Errorf("write summary: %w", err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("write summary: %w", err)
	}
	return nil
}

func sniffSummary(head []byte) bool { return bytes.HasPrefix(head, []byte(summaryHead)) }

func readSummary(_ context.Context, in *input.Input, _ Options) (*Snapshot, error) {
	var file struct {
		Version  int       `json:"heapdiff_summary"`
		Snapshot *Snapshot `json:"snapshot"`
	}
	if err := json.Unmarshal(in.Data, &file); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	switch {
	case file.Version != summaryVersion:
		return nil, fmt.Errorf("%w: its version is %d, this program knows %d", ErrFormat, file.Version, summaryVersion)
	case file.Snapshot == nil:
		return nil, fmt.Errorf("%w: it has no snapshot", ErrDamaged)
	}
	return file.Snapshot, file.Snapshot.check()
}

// check refuses a summary that would break what rests on it.
func (s *Snapshot) check() error {
	for i, h := range s.Holders {
		if h.Parent < -1 || h.Parent >= i {
			return fmt.Errorf("%w: holder %d has the parent %d", ErrDamaged, i, h.Parent)
		}
	}
	if s.Generations == GenerationsUnknown {
		return nil
	}
	for i := range s.Classes {
		if c := &s.Classes[i]; c.Old == nil || c.Young == nil {
			return fmt.Errorf("%w: class %s lacks its generations", ErrDamaged, c.Name)
		}
	}
	return nil
}
