package main

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestSimulated holds the judgement to its figures, at one seed.
func TestSimulated(t *testing.T) {
	s := simulated(100, 1)
	if s.first < 95 || s.falseWithout+s.falseWith > 2 {
		t.Errorf("want the leak first in 95 of 100 and 2 false accusations at most, got\n%s", s)
	}
}
