package humanize

import "testing"

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 9999: "9999 B", 10_500: "10.5 kB", 576_632: "0.58 MB", -249_168: "-0.25 MB",
		12_345_678: "12.3 MB", 999_400_000: "999 MB", 4_061_000_000: "4.06 GB",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %q, want %q", n, got, want)
		}
	}
	if got := Change(576_632); got != "+0.58 MB" {
		t.Errorf("Change = %q", got)
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567"} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
}
