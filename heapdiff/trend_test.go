package heapdiff

import (
	"math"
	"testing"
	"time"
)

func TestTrend(t *testing.T) {
	hours := func(h ...int) []time.Time {
		var out []time.Time
		for _, v := range h {
			out = append(out, time.Unix(0, 0).Add(time.Duration(v)*time.Hour))
		}
		return out
	}
	tests := []struct {
		name   string
		values []int64
		times  []time.Time
		slope  float64
		p      float64
		rising bool
	}{
		{"two are no trend", []int64{1, 5}, hours(0, 2), 2, 1, true},
		{"three of three", []int64{10, 20, 30}, hours(0, 1, 2), 10, 1.0 / 6, true},
		{"one outlier leaves the slope", []int64{0, 10, 20, 900, 40}, hours(0, 1, 2, 3, 4), 10, 5.0 / 120, false},
		{"falling", []int64{30, 20, 10}, hours(0, 1, 2), -10, 1, false},
		{"without times", []int64{0, 7, 14, 21}, make([]time.Time, 4), 7, 1.0 / 24, true},
		{"constant", []int64{5, 5, 5, 5}, nil, 0, 15.0 / 24, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := NewTrend(tt.values, tt.times)
			if math.Abs(got.Slope-tt.slope) > 1e-9 || math.Abs(got.PValue-tt.p) > 1e-9 || got.Rising() != tt.rising {
				t.Errorf("got slope %v, p %v, rising %v; want %v, %v, %v", got.Slope, got.PValue, got.Rising(), tt.slope, tt.p, tt.rising)
			}
		})
	}
}
