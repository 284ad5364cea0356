package alert

import "time"

// Store keeps a book on disk.
type Store interface {
	// Load answers what was committed.
	Load() (State, error)
	// Commit writes all of a change or nothing. What it is handed is the book's
	// own, and may not be used after it has returned.
	Commit(Change) error
}

// State is all of a book.
type State struct {
	Incidents []*Incident
	Silences  []*Silence
	Outbox    []*Entry
	Holds     map[string]Hold // by receiver
	NextSeq   uint64
}

// Change is what differs from the state committed before. A nil value deletes.
type Change struct {
	Incidents map[string]*Incident
	Silences  map[string]*Silence
	Outbox    map[uint64]*Entry
	Holds     map[string]*Hold
	NextSeq   uint64
}

// Entry is a message that waits in the outbox.
type Entry struct {
	Seq      uint64    `json:"seq"`
	Receiver string    `json:"receiver"`
	Group    string    `json:"group"`
	Created  time.Time `json:"created"`
	Due      time.Time `json:"due"` // not before
	Notices  []Notice  `json:"notices"`

	Attempts  int    `json:"attempts,omitempty"`
	LastError string `json:"last_error,omitempty"`
	// Open is set while an attempt runs. One that is found open at the start was
	// cut off by the end of the process, and nobody knows whether it arrived.
	Open bool `json:"open,omitempty"`
	// MayRepeat says that an attempt may have arrived without our knowing.
	MayRepeat bool `json:"may_repeat,omitempty"`
	// Plain says that the receiver refused the message's form, and gets it as text.
	Plain bool `json:"plain,omitempty"`
	// Tried are receivers that refused it for good.
	Tried []string `json:"tried,omitempty"`
}

// Hold keeps a receiver from being sent to for a while.
type Hold struct {
	Until time.Time `json:"until"`
	// Broken says that the receiver refuses for good, Limited that it asked for the
	// pause, and Why what it said.
	Broken  bool   `json:"broken,omitempty"`
	Limited bool   `json:"limited,omitempty"`
	Why     string `json:"why,omitempty"`
}

// dirty is what the store does not have yet.
type dirty struct {
	incidents, silences map[string]bool
	outbox              map[uint64]bool
	holds               map[string]bool
}

func newDirty() dirty {
	return dirty{map[string]bool{}, map[string]bool{}, map[uint64]bool{}, map[string]bool{}}
}

func (d *dirty) empty() bool {
	return len(d.incidents)+len(d.silences)+len(d.outbox)+len(d.holds) == 0
}

// commit writes what has changed. When that fails, as on a full disk, the book
// goes on in memory, and the next commit takes it along.
func (b *Book) commit() {
	if b.dirty.empty() {
		return
	}
	err := b.store.Commit(Change{
		Incidents: pick(b.dirty.incidents, b.incidents),
		Silences:  pick(b.dirty.silences, b.silences),
		Outbox:    pick(b.dirty.outbox, b.outbox),
		Holds:     pick(b.dirty.holds, b.holds),
		NextSeq:   b.nextSeq,
	})
	if err == nil {
		b.dirty = newDirty()
	}
	b.noteStore(err)
	for _, wake := range b.wake {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}

// noteStore tells when writing begins to fail and when it works again, not each time.
func (b *Book) noteStore(err error) {
	switch {
	case err != nil && b.storeErr == nil:
		b.log.Error("state cannot be written: alerts go on in memory, and a restart now would lose what is open", "error", err)
	case err == nil && b.storeErr != nil:
		b.log.Info("state is written again")
	}
	b.storeErr = err
}

func pick[K comparable, V any](keys map[K]bool, from map[K]*V) map[K]*V {
	out := make(map[K]*V, len(keys))
	for k := range keys {
		out[k] = from[k]
	}
	return out
}
