package trace

import "encoding/binary"

// Hex digits eight at a time, in the bytes of a word: a request's ids have 50 of them, each way.

const (
	ones  = 0x0101010101010101
	zeros = '0' * ones
	lower = 'a' - '0' - 10 // from what would follow the digit 9 to the letter a
)

// word returns the first eight bytes of s, the first lowest.
func word(s string) uint64 {
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// unhex16 decodes sixteen digits of s.
func unhex16(s string) (v, bad uint64) {
	first, bad1 := unhex8(word(s))
	second, bad2 := unhex8(word(s[8:]))
	return first | second<<32, bad1 | bad2
}

// unhex8 decodes eight lower-case hex digits; the lowest becomes the high half of the lowest byte. W3C
// Trace Context allows no others: bad is not 0 if there is one.
//
// The bit 0x40 tells letters. If what is left without the distance to 0, or from a to 10, is below 16
// in each byte, and above 9 exactly where there was a letter, then it is what the digits stand for: the
// sum of the two has no carries, so that bytes can't have made up for one another.
func unhex8(x uint64) (v, bad uint64) {
	letters := x >> 6 & ones
	n := x - zeros - letters*lower
	bad = n&^(0x0f*ones) | (n+6*ones)>>4&ones ^ letters
	b := (n<<4 | n>>8) & 0x00ff00ff00ff00ff
	b = (b | b>>8) & 0x0000ffff0000ffff
	return uint64(uint32(b | b>>16)), bad
}

// hex16 writes v to b as sixteen digits.
func hex16(b []byte, v uint64) {
	binary.LittleEndian.PutUint64(b, hex8(uint32(v)))
	binary.LittleEndian.PutUint64(b[8:], hex8(uint32(v>>32)))
}

// hex8 encodes v as eight digits, those of the lowest byte in the first two.
func hex8(v uint32) uint64 {
	b := uint64(v)
	b = (b | b<<16) & 0x0000ffff0000ffff
	b = (b | b<<8) & 0x00ff00ff00ff00ff
	return digits(b>>4&0x000f000f000f000f | b<<8&0x0f000f000f000f00)
}

// digits turns eight numbers below 16 into their digits.
func digits(n uint64) uint64 {
	above := (n + 6*ones) >> 4 & ones // 1 where a letter is due
	return n + zeros + above*lower
}
