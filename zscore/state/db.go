package state

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/clewhq/clew/zscore/alert"
)

// ErrInUse says that another process has the state open.
var ErrInUse = errors.New("another process has this state open: a state belongs to one daemon at a time")

const (
	fileName = "alerts.db"
	schema   = 1
	// lockWait is how long a process that is just ending may keep the lock.
	lockWait = 2 * time.Second
)

var (
	bucketMeta      = []byte("meta")
	bucketIncidents = []byte("incidents")
	bucketSilences  = []byte("silences")
	bucketOutbox    = []byte("outbox")
	bucketHolds     = []byte("holds")
	bucketReceipts  = []byte("receipts")
	bucketBallast   = []byte("ballast")

	keySchema  = []byte("schema")
	keyNextSeq = []byte("next-seq")
)

// DB is an open state. It implements [alert.Store]. Its methods may be called by
// several goroutines.
type DB struct {
	db  *bolt.DB
	dir string
}

// Open opens the state in dir, which it makes if need be, readable by its owner
// only. It fails with [ErrInUse] while another process has it open.
func Open(dir string) (*DB, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open state: %w", err)
	}
	path := filepath.Join(dir, fileName)
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: lockWait, FreelistType: bolt.FreelistMapType})
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, fmt.Errorf("open state %s: %w", path, ErrInUse)
	}
	if err != nil {
		return nil, fmt.Errorf("open state %s: %w", path, err)
	}
	s := &DB{db: db, dir: dir}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("open state %s: %w", path, err), db.Close())
	}
	return s, nil
}

// prepare makes what a new database lacks.
func (s *DB) prepare() error {
	fresh := false
	err := s.db.Update(func(tx *bolt.Tx) error {
		for _, name := range [][]byte{bucketMeta, bucketIncidents, bucketSilences, bucketOutbox, bucketHolds, bucketReceipts} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		meta := tx.Bucket(bucketMeta)
		if v := meta.Get(keySchema); v != nil {
			if got := binary.BigEndian.Uint64(v); got != schema {
				return fmt.Errorf("it has schema %d, and this program knows %d: use the program that wrote it, or move it away", got, schema)
			}
			return nil
		}
		fresh = true
		return meta.Put(keySchema, number(schema))
	})
	if err != nil || !fresh {
		return err
	}
	return s.ballast()
}

// ballastBytes is room that the file takes on disk in advance. bbolt fills free
// pages before it grows its file, so that on a full disk alerts go on being
// written, some thousand messages' worth of them.
const ballastBytes = 4 << 20

func (s *DB) ballast() error {
	err := s.db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucket(bucketBallast)
		if err != nil {
			return err
		}
		block := make([]byte, 64<<10)
		for i := range block {
			block[i] = byte(i * 31) // a sparse file would hold no room
		}
		for i := range uint64(ballastBytes / len(block)) {
			if err := b.Put(number(i), block); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("set room aside: %w", err)
	}
	return s.db.Update(func(tx *bolt.Tx) error { return tx.DeleteBucket(bucketBallast) })
}

// Close gives the state to another process.
func (s *DB) Close() error { return s.db.Close() }

// Dir is the directory that it was opened with.
func (s *DB) Dir() string { return s.dir }

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// Load implements [alert.Store].
func (s *DB) Load() (alert.State, error) {
	out := alert.State{Holds: map[string]alert.Hold{}}
	err := s.db.View(func(tx *bolt.Tx) error {
		if v := tx.Bucket(bucketMeta).Get(keyNextSeq); v != nil {
			out.NextSeq = binary.BigEndian.Uint64(v)
		}
		return errors.Join(
			each(tx, bucketIncidents, func(_ string, i *alert.Incident) { out.Incidents = append(out.Incidents, i) }),
			each(tx, bucketSilences, func(_ string, q *alert.Silence) { out.Silences = append(out.Silences, q) }),
			each(tx, bucketOutbox, func(_ string, e *alert.Entry) { out.Outbox = append(out.Outbox, e) }),
			each(tx, bucketHolds, func(name string, h *alert.Hold) { out.Holds[name] = *h }),
		)
	})
	if err != nil {
		return alert.State{}, fmt.Errorf("read state %s: %w", s.db.Path(), err)
	}
	return out, nil
}

func each[V any](tx *bolt.Tx, bucket []byte, take func(key string, v *V)) error {
	return tx.Bucket(bucket).ForEach(func(k, raw []byte) error {
		v := new(V)
		if err := json.Unmarshal(raw, v); err != nil {
			return fmt.Errorf("%s %x: %w", bucket, k, err)
		}
		take(string(k), v)
		return nil
	})
}

// Commit implements [alert.Store]: all of it is on disk when it returns nil.
func (s *DB) Commit(c alert.Change) error {
	return s.db.Update(func(tx *bolt.Tx) error {
		return errors.Join(
			put(tx, bucketIncidents, c.Incidents, text),
			put(tx, bucketSilences, c.Silences, text),
			put(tx, bucketOutbox, c.Outbox, number),
			put(tx, bucketHolds, c.Holds, text),
			tx.Bucket(bucketMeta).Put(keyNextSeq, number(c.NextSeq)),
		)
	})
}

func text(s string) []byte { return []byte(s) }

func put[K comparable, V any](tx *bolt.Tx, bucket []byte, values map[K]*V, encode func(K) []byte) error {
	b := tx.Bucket(bucket)
	for k, v := range values {
		if v == nil {
			if err := b.Delete(encode(k)); err != nil {
				return err
			}
			continue
		}
		raw, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if err := b.Put(encode(k), raw); err != nil {
			return err
		}
	}
	return nil
}

// maxReceipts bounds what is remembered of messages sent.
const maxReceipts = 10_000

// Receipt answers what was kept under a key by [DB.KeepReceipt], or "".
func (s *DB) Receipt(key string) string {
	var out string
	_ = s.db.View(func(tx *bolt.Tx) error { // a closed database has no receipts
		out = string(tx.Bucket(bucketReceipts).Get([]byte(key)))
		return nil
	})
	return out
}

// KeepReceipt keeps what a receiver calls a message, so that it can be changed
// later. Of very many the ones first in order are forgotten.
func (s *DB) KeepReceipt(key, value string) error {
	return s.db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket(bucketReceipts)
		if b.Stats().KeyN >= maxReceipts {
			if k, _ := b.Cursor().First(); k != nil {
				if err := b.Delete(k); err != nil {
					return err
				}
			}
		}
		return b.Put([]byte(key), []byte(value))
	})
}
