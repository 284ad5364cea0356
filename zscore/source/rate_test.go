package source

import (
	"math"
	"testing"
	"time"
)

func TestRate(t *testing.T) {
	nan := math.NaN()
	tests := []struct {
		name        string
		second      float64
		value, want float64
	}{
		{"first", 0, 100, nan},
		{"growth", 10, 150, 5},
		{"no value", 20, nan, nan},
		{"growth over the gap", 30, 250, 5},
		{"the same time", 30, 300, nan},
		{"standing still", 40, 250, 0},
		{"reset", 50, 30, 3},
		{"growth after it", 60, 40, 1},
	}
	var r Rate
	for _, tt := range tests {
		at := time.Unix(0, 0).Add(time.Duration(tt.second) * time.Second)
		if got := r.Next(at, tt.value); got != tt.want && !(math.IsNaN(got) && math.IsNaN(tt.want)) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
