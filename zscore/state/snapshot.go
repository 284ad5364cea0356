package state

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// A snapshot is a file of records, a name and bytes, each with a checksum of its
// own: a record that is damaged costs one series its baseline, not all of them.
//
//	magic [8]byte
//	{ length of name, length of data uint32; name, data; crc32c of all before in the record }
//	length of name = 0xffffffff: the end, followed by the number of records
const magic = "ZSNAP\x00\x00\x01"

const (
	endMark     = 0xffffffff
	maxNameLen  = 64 << 10
	maxDataLen  = 16 << 20
	recordExtra = 12
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrDamaged says that a snapshot or a part of it is not what was written.
var ErrDamaged = errors.New("snapshot is damaged")

// SnapshotPath is where the baselines of a shard are kept in dir.
func SnapshotPath(dir, shard string) string { return filepath.Join(dir, "baselines-"+shard+".snap") }

// BaselineName is the name of a record: that of a series, by a key that only an
// equal set of labels has, in a rule.
func BaselineName(rule, series string) string { return rule + "\x00" + series }

// WriteSnapshot replaces the snapshot at path. It calls write with a function
// that adds a record; what stood there before stays until all is on disk.
func WriteSnapshot(path string, write func(add func(name string, data []byte) error) error) (err error) {
	temp := path + ".tmp"
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("write snapshot %s: %w", path, err)
			f.Close()
			os.Remove(temp)
		}
	}()
	w := bufio.NewWriterSize(f, 256<<10)
	if _, err := w.WriteString(magic); err != nil {
		return err
	}
	var records uint64
	var buf []byte
	err = write(func(name string, data []byte) error {
		if len(name) > maxNameLen || len(data) > maxDataLen {
			return fmt.Errorf("record %.100q of %d bytes is too large", name, len(data))
		}
		records++
		buf = binary.BigEndian.AppendUint32(buf[:0], uint32(len(name)))
		buf = binary.BigEndian.AppendUint32(buf, uint32(len(data)))
		buf = append(append(buf, name...), data...)
		buf = binary.BigEndian.AppendUint32(buf, crc32.Checksum(buf, castagnoli))
		_, err := w.Write(buf)
		return err
	})
	if err != nil {
		return err
	}
	end := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, endMark), records)
	if _, err := w.Write(end); err != nil {
		return err
	}
	if err := errors.Join(w.Flush(), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(temp, path)
}

// ReadSnapshot calls take with each record of the snapshot at path that is whole.
// A missing file has none. It answers with [ErrDamaged] after it has read what
// could be read; data is valid until take returns.
func ReadSnapshot(path string, take func(name string, data []byte)) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read snapshot: %w", err)
	}
	defer f.Close()
	if err := readRecords(bufio.NewReaderSize(f, 256<<10), take); err != nil {
		return fmt.Errorf("read snapshot %s: %w", path, err)
	}
	return nil
}

func readRecords(r io.Reader, take func(name string, data []byte)) error {
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(r, head); err != nil || string(head) != magic {
		return fmt.Errorf("%w: it does not begin like one", ErrDamaged)
	}
	var records, bad uint64
	var buf []byte
	for {
		buf = grow(buf, 8)
		if _, err := io.ReadFull(r, buf[:4]); err != nil {
			return fmt.Errorf("%w: it ends after %d records", ErrDamaged, records)
		}
		nameLen := binary.BigEndian.Uint32(buf)
		if nameLen == endMark {
			return finish(r, records, bad)
		}
		if _, err := io.ReadFull(r, buf[4:8]); err != nil {
			return fmt.Errorf("%w: it ends after %d records", ErrDamaged, records)
		}
		dataLen := binary.BigEndian.Uint32(buf[4:])
		if nameLen > maxNameLen || dataLen > maxDataLen {
			return fmt.Errorf("%w: record %d says that it has %d bytes", ErrDamaged, records+1, uint64(nameLen)+uint64(dataLen))
		}
		size := int(nameLen + dataLen)
		buf = grow(buf, size+recordExtra)
		if _, err := io.ReadFull(r, buf[8:]); err != nil {
			return fmt.Errorf("%w: it ends within record %d", ErrDamaged, records+1)
		}
		records++
		body := buf[:8+size]
		if crc32.Checksum(body, castagnoli) != binary.BigEndian.Uint32(buf[8+size:]) {
			bad++
			continue
		}
		take(string(body[8:8+nameLen]), body[8+nameLen:])
	}
}

// grow returns b with that length, its content kept.
func grow(b []byte, n int) []byte {
	if cap(b) >= n {
		return b[:n]
	}
	return append(make([]byte, 0, n), b...)[:n]
}

func finish(r io.Reader, records, bad uint64) error {
	var said [8]byte
	if _, err := io.ReadFull(r, said[:]); err != nil || binary.BigEndian.Uint64(said[:]) != records {
		return fmt.Errorf("%w: records are missing", ErrDamaged)
	}
	if bad > 0 {
		return fmt.Errorf("%w: %d of %d records", ErrDamaged, bad, records)
	}
	return nil
}
