package redact

import "slices"

// A card's number has 13 to 19 digits (ISO/IEC 7812) of which the last checks the
// others, and may be written in groups. Those of payment cards begin with 2 to 6.
const (
	minCard  = 13
	maxCard  = 19
	lastKept = 4 // what PCI DSS lets everybody see
)

// Cards replaces the digits of all that looks like the number of a payment card,
// but for the last four, by asterisks. Digits and the spaces or hyphens between
// them are also found percent-encoded. It does not allocate when there is none.
func Cards(s string) string {
	if len(s) < minCard {
		return s
	}
	var out []byte // a copy of s, once something had to be hidden
	for at := 0; at+minCard <= len(s); {
		d, width := digitAt(s, at)
		if d < 0 {
			at++
			continue
		}
		var r run
		at = r.read(s, at, width, d)
		out = r.hide(s, out)
	}
	if out == nil {
		return s
	}
	return string(out)
}

// run is a row of digits with at most one separator between any two.
type run struct {
	n      int
	digits [64]digit
}

type digit struct {
	value     int8
	at, width int // where in the string
}

// read reads a run that begins with the digit d at at, and returns where to go on.
func (r *run) read(s string, at, width int, d int8) int {
	for r.n < len(r.digits) {
		r.digits[r.n] = digit{d, at, width}
		r.n++
		at += width
		next := at + separatorAt(s, at)
		if d, width = digitAt(s, next); d < 0 {
			return at
		}
		at = next
	}
	return r.digits[r.n-maxCard+1].at // what begins there has not been seen whole
}

// hide masks the cards in the run, in out, a copy of s that is made for the first.
func (r *run) hide(s string, out []byte) []byte {
	for from := 0; from+minCard <= r.n; {
		n := cardAt(r.digits[from:r.n])
		if n == 0 {
			from++
			continue
		}
		if out == nil {
			out = []byte(s)
		}
		for _, d := range r.digits[from : from+n-lastKept] {
			for i := range d.width {
				out[d.at+i] = '*'
			}
		}
		from += n - lastKept // another may begin in what was kept
	}
	return out
}

// cardAt returns how many of the digits are a card's number, 0 if they are none.
func cardAt(digits []digit) int {
	if first := digits[0].value; first < 2 || first > 6 {
		return 0
	}
	for n := min(maxCard, len(digits)); n >= minCard; n-- {
		if luhn(digits[:n]) {
			return n
		}
	}
	return 0
}

// luhn is the check of ISO/IEC 7812-1, annex B.
func luhn(digits []digit) bool {
	sum, double := 0, false
	for _, d := range slices.Backward(digits) {
		v := int(d.value)
		if double {
			if v *= 2; v > 9 {
				v -= 9
			}
		}
		sum += v
		double = !double
	}
	return sum%10 == 0
}

// digitAt returns the digit at s[at:], also if it is written %30 to %39, and how
// many bytes it takes; the digit is -1 if there is none.
func digitAt(s string, at int) (d int8, width int) {
	if at >= len(s) {
		return -1, 0
	}
	if c := s[at]; c >= '0' && c <= '9' {
		return int8(c - '0'), 1
	}
	if s[at] == '%' && at+2 < len(s) && s[at+1] == '3' && s[at+2] >= '0' && s[at+2] <= '9' {
		return int8(s[at+2] - '0'), 3
	}
	return -1, 0
}

// separatorAt returns the width of a separator at s[at:], 0 if there is none.
func separatorAt(s string, at int) int {
	if at >= len(s) {
		return 0
	}
	switch s[at] {
	case ' ', '-', '+', '.':
		return 1
	case '%':
		switch rest := s[at:]; {
		case len(rest) < 3:
		case rest[:3] == "%20", rest[:3] == "%2D", rest[:3] == "%2d", rest[:3] == "%2B", rest[:3] == "%2b":
			return 3
		}
	}
	return 0
}
