package prom_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"go.uber.org/goleak"

	"github.com/clewhq/clew/ebpfprobe/report"
	"github.com/clewhq/clew/ebpfprobe/report/prom"
	"github.com/clewhq/clew/ebpfprobe/report/reporttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWrite(t *testing.T) {
	var b bytes.Buffer
	if err := prom.Write(&b, reporttest.At(7)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`redisprobe_requests_total{command="GET",pid="4711",port="6379",server="redis-server"} 709`,
		`redisprobe_wait_seconds_count{command="GET",pid="4711",port="6379",server="redis-server"} 709`,
		// 700 fast ones are below 16.384 µs, and the 9 that waited 180 ms are not.
		`redisprobe_wait_seconds_bucket{command="GET",pid="4711",port="6379",server="redis-server",le="1.6384e-05"} 700`,
		`redisprobe_wait_seconds_bucket{command="GET",pid="4711",port="6379",server="redis-server",le="0.134217728"} 700`,
		`redisprobe_wait_seconds_bucket{command="GET",pid="4711",port="6379",server="redis-server",le="0.268435456"} 709`,
		`redisprobe_wait_seconds_bucket{command="GET",pid="4711",port="6379",server="redis-server",le="+Inf"} 709`,
		`redisprobe_service_part_seconds_count{command="SET",part="fsync",pid="4711",port="6379",server="redis-server"} 140`,
		`redisprobe_batch_requests_bucket{pid="4711",port="6379",server="redis-server",le="2"} 15`,
		`redisprobe_batch_requests_bucket{pid="4711",port="6379",server="redis-server",le="4"} 225`,
		`redisprobe_blamed_requests_total{by="EVAL",cause="command",pid="4711",port="6379",server="redis-server"} 12`,
		`redisprobe_blamed_wait_seconds_total{by="EVAL",cause="command",pid="4711",port="6379",server="redis-server"} 1.89`,
		`redisprobe_events_lost_total 0`,
		`redisprobe_tier{state="missing",tier="deep"} 1`,
	} {
		if !strings.Contains(b.String(), want+"\n") {
			t.Errorf("no line %s", want)
		}
	}
	if t.Failed() {
		t.Log(b.String())
	}
	families, err := registry(t, func() (*report.Report, error) { return reporttest.At(7), nil }).Gather()
	if err != nil {
		t.Fatal(err)
	}
	if problems, err := promlint.NewWithMetricFamilies(families).Lint(); err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v %v", problems, err)
	}
}

func registry(t *testing.T, newest func() (*report.Report, error)) *prometheus.Registry {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	if err := r.Register(prom.NewCollector(newest)); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestBounded checks that names from the network cannot make series without
// end, that none of their requests goes missing, and that a series stays.
func TestBounded(t *testing.T) {
	r := reporttest.At(1)
	collector := registry(t, func() (*report.Report, error) { return r, nil })
	if _, err := collector.Gather(); err != nil {
		t.Fatal(err)
	}
	r = reporttest.At(1)
	s := &r.Servers[0]
	for i := range 1000 {
		s.Commands = append([]report.Command{{Name: fmt.Sprintf("X%d", i), Count: 1}}, s.Commands...)
	}
	s.Commands = append(s.Commands, report.Command{Name: "bad\xffname\n", Count: 5})
	families, err := collector.Gather()
	if err != nil {
		t.Fatal(err)
	}
	names, sum := map[string]float64{}, 0.0
	for _, f := range families {
		if f.GetName() != "redisprobe_requests_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			names[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
			sum += m.GetCounter().GetValue()
		}
	}
	if len(names) != 201 || names["GET"] != 103 || names[report.Other] == 0 {
		t.Errorf("%d names, GET %v, %s %v; want 201 with those that were there before", len(names), names["GET"], report.Other, names[report.Other])
	}
	if want := float64(s.Requests()); sum != want {
		t.Errorf("%v requests, want %v", sum, want)
	}
}

func TestExemplar(t *testing.T) {
	families, err := registry(t, func() (*report.Report, error) { return reporttest.At(2), nil }).Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, b := range m.GetHistogram().GetBucket() {
				for _, l := range b.GetExemplar().GetLabel() {
					got = append(got, f.GetName()+" "+l.GetName()+"="+l.GetValue())
				}
			}
		}
	}
	slices.Sort(got)
	want := []string{"redisprobe_service_seconds span_id=" + reporttest.SpanID, "redisprobe_service_seconds trace_id=" + reporttest.TraceID}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("exemplars (-want +got):\n%s", diff)
	}
}

func TestNoReport(t *testing.T) {
	if _, err := registry(t, func() (*report.Report, error) { return nil, os.ErrClosed }).Gather(); err == nil || !strings.Contains(err.Error(), os.ErrClosed.Error()) {
		t.Errorf("a probe that is closed: %v", err)
	}
	if err := prom.Write(failing{}, reporttest.At(1)); !errors.Is(err, errFull) {
		t.Errorf("a full disk: %v", err)
	}
}

var errFull = errors.New("no space left on device")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errFull }
