package view

import "testing"

func TestMillis(t *testing.T) {
	for ns, want := range map[int64]string{
		0: "0", 1: "0.000", 500: "0.001", 1_499: "0.001", 999_999_499: "999.999", 999_999_500: "1,000.000",
		1_310_042_000: "1,310.042", 86_400_000_000_000: "86,400,000.000",
	} {
		if got := millis(ns); got != want {
			t.Errorf("millis(%d) = %q, want %q", ns, got, want)
		}
	}
	for _, tt := range []struct {
		part, whole int64
		want        string
	}{{0, 100, "0"}, {1, 1000, "<1"}, {50, 100, "50"}, {300, 100, "300"}, {1, 0, ""}} {
		if got := percent(tt.part, tt.whole); got != tt.want {
			t.Errorf("percent(%d, %d) = %q, want %q", tt.part, tt.whole, got, tt.want)
		}
	}
}

func TestHuesDiffer(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}
	seen := map[int]bool{}
	for _, h := range assignHues(names) {
		seen[h] = true
	}
	if len(seen) != hues {
		t.Errorf("%d services have %d colours, want one each", len(names), len(seen))
	}
	if got := len(assignHues(append(names, "k"))); got != 11 {
		t.Errorf("%d of 11 services have a colour", got)
	}
}
