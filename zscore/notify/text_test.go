package notify

import (
	"math"
	"testing"

	"github.com/clewhq/clew/zscore/alert"
)

func TestSigned(t *testing.T) {
	for z, want := range map[float64]string{
		3.25: "+3.2", -999.94: "-999.9", 1000: "+1000 or more", 1e6: "+1000 or more", -1e6: "-1000 or less",
	} {
		if got := signed(alert.Number(z)); got != want {
			t.Errorf("signed(%v) = %q, want %q", z, got, want)
		}
	}
	if got := signed(alert.Number(math.NaN())); got != "unknown" {
		t.Errorf("signed(NaN) = %q, want unknown", got)
	}
}
