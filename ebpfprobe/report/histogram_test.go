package report_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/clewhq/clew/ebpfprobe/report"
)

func TestBucketLayout(t *testing.T) {
	for i := range report.Buckets - 1 {
		from, to := report.BucketFrom(i), report.BucketTo(i)
		if report.BucketOf(from) != i || report.BucketOf(to) != i {
			t.Fatalf("bucket %d is said to be %d to %d, but takes them to %d and %d", i, from, to, report.BucketOf(from), report.BucketOf(to))
		}
		if width := to - from + 1; width > 1 && float64(width) > .125*float64(from) {
			t.Errorf("bucket %d from %d is %d wide, more than 12.5 %%", i, from, width)
		}
	}
	if got := report.BucketOf(1<<64 - 1); got != report.Buckets-1 {
		t.Errorf("the largest value is in bucket %d, want the last, %d", got, report.Buckets-1)
	}
}

func TestQuantile(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var h report.Histogram
	values := make([]uint64, 5000)
	for i := range values {
		values[i] = uint64(r.ExpFloat64() * 1e5)
		h.Record(values[i], 1)
	}
	slices.Sort(values)
	for _, q := range []float64{0, .01, .5, .95, .99, .999, 1} {
		exact := values[max(0, int(q*float64(len(values)))-1)]
		got := h.Quantile(q)
		if got < exact || float64(got) > 1.125*float64(exact)+1 {
			t.Errorf("quantile %v = %d, exact is %d", q, got, exact)
		}
	}
	if got := (&report.Histogram{}).Quantile(.99); got != 0 {
		t.Errorf("quantile of nothing = %d", got)
	}
}

// TestSince checks that a difference, added to what it was taken from, is the
// whole again.
func TestSince(t *testing.T) {
	var before, all report.Histogram
	for _, v := range []uint64{3, 900, 70_000} {
		before.Record(v, 2)
		all.Record(v, 2)
	}
	all.Record(850, 5)
	d := all.Since(&before)
	if d.Count != 5 || d.Sum != 5*850 || d.Max < 850 || d.Max > 957 {
		t.Errorf("difference = %+v, want 5 values of about 850", d)
	}
	before.Merge(&d)
	if diff := cmp.Diff(all, before); diff != "" {
		t.Errorf("the parts do not make the whole (-want +got):\n%s", diff)
	}
	restarted := report.Histogram{}
	restarted.Record(7, 1)
	if diff := cmp.Diff(restarted, restarted.Since(&all)); diff != "" {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
}

func TestDurationsJSON(t *testing.T) {
	var d report.Durations
	d.Record(130, 2)
	d.Record(150, 1)
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"count":3,"sum_ns":410,"p50_ns":143,"p95_ns":150,"p99_ns":150,"max_ns":150,"buckets":[[128,2],[144,1]]}`
	if string(b) != want {
		t.Errorf("JSON %s\nwant %s", b, want)
	}
	var back report.Durations
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d, back, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	for _, bad := range []string{
		`{"count":1,"buckets":[[129,1]]}`,
		`{"count":2,"buckets":[[128,1]]}`,
		`{"count":0,"buckets":[[128,1]]}`,
		`{"count":1,"buckets":[[128,18446744073709551615],[144,2]]}`,
	} {
		if err := json.Unmarshal([]byte(bad), &back); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}
