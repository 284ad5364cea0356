package alert

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDrivers(t *testing.T) {
	series := func(route, zone string, away, expected float64) Deviation {
		labels := map[string]string{"route": route, "zone": zone}
		return Deviation{func(name string) string { return labels[name] }, away, expected}
	}
	tests := []struct {
		name   string
		series []Deviation
		down   bool
		want   []Driver
	}{
		{name: "nothing"},
		{name: "one route of three, in both zones", series: []Deviation{
			series("/pay", "a", 45, 10), series("/pay", "b", 45, 10), series("/cart", "a", 5, 10), series("/cart", "b", 5, 10), series("/", "a", 0, 10), series("/", "b", 0, 10),
		}, want: []Driver{{"route", "/pay", 0.9}}},
		{name: "a large route that rises like all others", series: []Deviation{
			series("/pay", "a", 80, 80), series("/cart", "a", 20, 20),
		}},
		{name: "two labels", series: []Deviation{
			series("/pay", "a", 90, 10), series("/pay", "b", 10, 10), series("/cart", "a", 0, 10), series("/cart", "b", 0, 10),
		}, want: []Driver{{"route", "/pay", 1}, {"zone", "a", 0.9}}},
		{name: "downwards", series: []Deviation{
			series("/pay", "a", -90, 100), series("/cart", "a", 300, 100),
		}, down: true, want: []Driver{{"route", "/pay", 1}}},
		{name: "nothing was expected", series: []Deviation{series("/pay", "a", 5, 0), series("/cart", "a", 1, 0)}, want: []Driver{{"route", "/pay", 5.0 / 6}}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, Drivers(tt.series, []string{"route", "zone", "none"}, !tt.down)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
