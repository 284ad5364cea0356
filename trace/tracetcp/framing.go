package tracetcp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Framing says how a protocol tells the length of a telegram. The zero value is four bytes, the highest
// first, that do not count themselves, and telegrams of up to 1 MiB.
type Framing struct {
	// Digits: the length is that many decimal digits, such as 4 for "0123". 0: it is binary.
	Digits int
	// Bytes of a binary length: 2 or 4. 0: 4.
	Bytes int
	// Inclusive: the length counts itself.
	Inclusive bool
	// Max bounds a telegram, in bytes. 0: 1 MiB. A longer one is an error, and not read.
	Max int
}

// ErrTelegram is the class of errors for what is not a telegram of the framing.
var ErrTelegram = errors.New("not a telegram")

func (f Framing) check() error {
	switch {
	case f.Digits < 0 || f.Digits > 10:
		return fmt.Errorf("framing: %d digits, want 1 to 10", f.Digits)
	case f.Digits == 0 && f.Bytes != 0 && f.Bytes != 2 && f.Bytes != 4:
		return fmt.Errorf("framing: a length of %d bytes, want 2 or 4", f.Bytes)
	case f.Max < 0:
		return fmt.Errorf("framing: telegrams of up to %d bytes", f.Max)
	}
	return nil
}

// prefix is how many bytes a length takes.
func (f Framing) prefix() int {
	switch {
	case f.Digits > 0:
		return f.Digits
	case f.Bytes > 0:
		return f.Bytes
	}
	return 4
}

func (f Framing) limit() int {
	if f.Max == 0 {
		return 1 << 20
	}
	return f.Max
}

// append appends the telegram with its length before it.
func (f Framing) append(b, telegram []byte) ([]byte, error) {
	if len(telegram) > f.limit() {
		return b, fmt.Errorf("%w: %d bytes are more than %d", ErrTelegram, len(telegram), f.limit())
	}
	n := len(telegram)
	if f.Inclusive {
		n += f.prefix()
	}
	switch {
	case f.Digits > 0:
		s := fmt.Sprintf("%0*d", f.Digits, n)
		if len(s) > f.Digits {
			return b, fmt.Errorf("%w: the length %d has more than %d digits", ErrTelegram, n, f.Digits)
		}
		b = append(b, s...)
	case f.prefix() == 2:
		if n > 1<<16-1 {
			return b, fmt.Errorf("%w: the length %d does not fit in 2 bytes", ErrTelegram, n)
		}
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b = binary.BigEndian.AppendUint32(b, uint32(n))
	}
	return append(b, telegram...), nil
}

// read reads a telegram. io.EOF is the end between telegrams.
func (f Framing) read(r io.Reader) ([]byte, error) {
	prefix := make([]byte, f.prefix())
	if _, err := io.ReadFull(r, prefix); err != nil {
		return nil, err
	}
	n, err := f.length(prefix)
	if err != nil {
		return nil, err
	}
	telegram := make([]byte, n)
	if _, err := io.ReadFull(r, telegram); err != nil {
		return nil, unexpected(err)
	}
	return telegram, nil
}

// length reads a telegram's length. What it cannot read it does not quote: it may be a part of a card.
func (f Framing) length(prefix []byte) (int, error) {
	var n uint64
	switch {
	case f.Digits > 0:
		var err error
		if n, err = strconv.ParseUint(string(prefix), 10, 64); err != nil {
			return 0, fmt.Errorf("%w: the length is not made of %d digits", ErrTelegram, f.Digits)
		}
	case len(prefix) == 2:
		n = uint64(binary.BigEndian.Uint16(prefix))
	default:
		n = uint64(binary.BigEndian.Uint32(prefix))
	}
	if f.Inclusive {
		if n < uint64(len(prefix)) {
			return 0, fmt.Errorf("%w: the length %d does not count itself", ErrTelegram, n)
		}
		n -= uint64(len(prefix))
	}
	if n > uint64(f.limit()) {
		return 0, fmt.Errorf("%w: %d bytes announced, more than %d", ErrTelegram, n, f.limit())
	}
	return int(n), nil
}
