package redact

import (
	"strings"
	"testing"
)

func TestCards(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"nothing", "/pay/42", "/pay/42"},
		{"visa", "/card/4111111111111111/pay", "/card/************1111/pay"},
		{"visa of 13", "4222222222222", "*********2222"},
		{"amex", "n=378282246310005", "n=***********0005"},
		{"maestro of 19", "6304000000000000000", "***************0000"},
		{"mastercard 2-series", "2223003122003222", "************3222"},
		{"spaces", "4111 1111 1111 1111", "**** **** **** 1111"},
		{"hyphens", "x 4111-1111-1111-1111.", "x ****-****-****-1111."},
		{"form", "card=4111+1111+1111+1111&a=b", "card=****+****+****+1111&a=b"},
		{"encoded space", "card=4111%201111%201111%201111", "card=****%20****%20****%201111"},
		{"encoded digits", "c=%34%31%31%31111111111111", "c=" + strings.Repeat("***", 4) + "********1111"},
		{"wrong check digit", "4111111111111112", "4111111111111112"},
		{"no card's first digit", "1111111111111117", "1111111111111117"},
		{"milliseconds", "1763839200000", "1763839200000"},
		{"two", "4111111111111111,378282246310005", "************1111,***********0005"},
		{"among digits", "9994111111111111111", "999************1111"},
		{"late in a long row", strings.Repeat("9", 60) + "4111111111111111", strings.Repeat("9", 60) + "************1111"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Cards(c.in)
			if got != c.want {
				t.Errorf("Cards(%q) = %q, want %q", c.in, got, c.want)
			}
		})
	}
}

func TestCardsDoesNotAllocateForNothing(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { Cards("/orders/1234567890/items/4111111111111112?x=0af7651916cd43dd8448eb211c80319c") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzCards(f *testing.F) {
	f.Add("4111 1111 1111 1111")
	f.Add("%34111-1111%2D1111111 1")
	f.Add(strings.Repeat("4", 100))
	f.Fuzz(func(t *testing.T, s string) {
		got := Cards(s)
		if len(got) != len(s) {
			t.Fatalf("Cards(%q) = %q: another length", s, got)
		}
		if again := Cards(got); again != got {
			t.Fatalf("Cards(%q) leaves %q, then %q", s, got, again)
		}
	})
}
