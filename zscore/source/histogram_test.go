package source

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestQuantile(t *testing.T) {
	inf := math.Inf(1)
	tests := []struct {
		name string
		h    Histogram
		q    float64
		want float64
	}{
		{"nothing", Histogram{}, 0.5, none},
		{"straight line", Histogram{Buckets: []Bucket{{0, 1, 10}, {1, 2, 10}}}, 0.75, 1.5},
		{"from zero", Histogram{Buckets: []Bucket{{-inf, 1, 10}}}, 0.5, 0.5},
		{"below zero", Histogram{Buckets: []Bucket{{-inf, -1, 10}}}, 0.5, -1},
		{"above all bounds", Histogram{Buckets: []Bucket{{0, 1, 1}, {1, inf, 9}}}, 0.9, 1},
		{"by ratio", Histogram{Exponential: true, Buckets: []Bucket{{1, 4, 10}}}, 0.5, 2},
		{"by ratio, negative", Histogram{Exponential: true, Buckets: []Bucket{{-4, -1, 10}}}, 0.5, -2},
		{"around zero", Histogram{Exponential: true, Buckets: []Bucket{{-1, 1, 10}}}, 0.5, 0},
		{"over an empty one", Histogram{Buckets: []Bucket{{0, 1, 5}, {1, 2, 0}, {2, 3, 5}}}, 0.6, 2.2},
	}
	for _, tt := range tests {
		if got := tt.h.Quantile(tt.q); math.Abs(got-tt.want) > 1e-9 || math.IsNaN(got) != math.IsNaN(tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestHistogramSince(t *testing.T) {
	before := &Histogram{Count: 10, Sum: 5, Buckets: []Bucket{{0, 1, 4}, {2, 3, 6}}}
	tests := []struct {
		name string
		h    Histogram
		want *Histogram
	}{
		{
			"a new bucket between",
			Histogram{Count: 15, Sum: 9, Buckets: []Bucket{{0, 1, 5}, {1, 2, 1}, {2, 3, 9}}},
			&Histogram{Count: 5, Sum: 4, Buckets: []Bucket{{0, 1, 1}, {1, 2, 1}, {2, 3, 3}}},
		},
		{"fewer", Histogram{Count: 3, Sum: 1, Buckets: []Bucket{{0, 1, 3}}}, &Histogram{Count: 3, Sum: 1, Buckets: []Bucket{{0, 1, 3}}}},
		{
			"reset hidden by the count",
			Histogram{Count: 12, Buckets: []Bucket{{0, 1, 2}, {2, 3, 10}}},
			&Histogram{Count: 12, Buckets: []Bucket{{0, 1, 2}, {2, 3, 10}}},
		},
		{"other bounds", Histogram{Count: 12, Buckets: []Bucket{{0, 2, 6}, {2, 4, 6}}}, nil},
		{"a bucket is gone", Histogram{Count: 12, Buckets: []Bucket{{0, 1, 12}}}, nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, tt.h.since(before, false)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	if h := (&Histogram{Count: 20, Buckets: []Bucket{{0, 1, 20}}}); h.since(before, true) != h {
		t.Error("a histogram that was reset is not taken as it is")
	}
}
