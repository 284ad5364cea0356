package view

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestContrast holds the page's colours to the ratios of WCAG 2.2: 4.5 for
// text (1.4.3), 3 for bars and dots (1.4.11), in both schemes.
func TestContrast(t *testing.T) {
	b, err := static.ReadFile("static/page.css")
	if err != nil {
		t.Fatal(err)
	}
	light, dark, ok := strings.Cut(string(b), "@media (prefers-color-scheme: dark)")
	if !ok {
		t.Fatal("page.css has no dark scheme")
	}
	dark, _, _ = strings.Cut(dark, "* {")
	for scheme, css := range map[string]string{"light": light, "dark": dark} {
		colour := map[string]float64{} // luminance by name
		for _, m := range regexp.MustCompile(`--([\w-]+): (#[0-9a-f]{6})`).FindAllStringSubmatch(css, -1) {
			colour[m[1]] = luminance(t, m[2])
		}
		check := func(front, back string, least float64) {
			t.Helper()
			f, okF := colour[front]
			b, okB := colour[back]
			if !okF || !okB {
				t.Fatalf("%s: no colour --%s or --%s", scheme, front, back)
			}
			if ratio := (max(f, b) + 0.05) / (min(f, b) + 0.05); ratio < least {
				t.Errorf("%s: --%s on --%s has a contrast of %.2f, want at least %.1f", scheme, front, back, ratio, least)
			}
		}
		for _, back := range []string{"bg", "raised", "here"} {
			for _, front := range []string{"text", "soft", "link", "good", "bad", "broken"} {
				check(front, back, 4.5)
			}
		}
		for _, front := range []string{"control-text", "soft", "bad", "broken"} {
			check(front, "control-bg", 4.5)
		}
		check("control-text", "here", 4.5)
		for i := range hues {
			for _, back := range []string{"bg", "raised"} {
				check("h"+strconv.Itoa(i), back, 3)
			}
		}
	}
}

// luminance is WCAG's relative luminance of #rrggbb.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(hex[1:], 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	linear := func(c uint64) float64 {
		v := float64(c&0xff) / 255
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(n>>16) + 0.7152*linear(n>>8) + 0.0722*linear(n)
}
