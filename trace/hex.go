package trace

// Hex digits eight at a time, in the bytes of a word: a request's ids have 50 of them, each way.

const (
	ones  = 0x0101010101010101
	zeros = '0' * 0x01010101 // four digits
	lower = 'a' - '0' - 10   // from what would follow the digit 9 to the letter a
)

// word returns the first eight bytes of s, the first lowest.
func word(s string) uint64 {
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// unhex8 decodes eight lower-case hex digits; the lowest becomes the high half of the lowest byte. W3C
// Trace Context allows no others, so they are refused.
func unhex8(x uint64) (v uint32, ok bool) {
	n := x&(0x0f*ones) + x>>6&ones*9 // letters have the bit 0x40, and a ends in 1
	n &= 0x0f * ones
	b := (n<<4 | n>>8) & 0x00ff00ff00ff00ff
	b = (b | b>>8) & 0x0000ffff0000ffff
	return uint32(b | b>>16), digits(n) == x
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
	return n + '0'*ones + above*lower
}
