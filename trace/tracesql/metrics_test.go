package tracesql

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/clewhq/clew/trace"
)

func meter(t *testing.T) (*sdkmetric.MeterProvider, *sdkmetric.ManualReader) {
	t.Helper()
	reader := sdkmetric.NewManualReader()
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	t.Cleanup(func() { _ = mp.Shutdown(bg) })
	return mp, reader
}

func collect(t *testing.T, reader *sdkmetric.ManualReader) map[string]metricdata.Metrics {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(bg, &rm); err != nil {
		t.Fatal(err)
	}
	out := map[string]metricdata.Metrics{}
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			out[m.Name] = m
		}
	}
	return out
}

// count is how often a histogram was recorded.
func count(m metricdata.Metrics) (n int) {
	h, _ := m.Data.(metricdata.Histogram[float64])
	for _, p := range h.DataPoints {
		n += int(p.Count)
	}
	return n
}

func TestOperationDuration(t *testing.T) {
	mp, reader := meter(t)
	r := newRig(t, everything(map[string]error{"ExecContext": stateError("40001")}), allOfConn, shop, trace.WithMeterProvider(mp))
	_, _ = r.ExecContext(r.ctx, "DELETE FROM t")
	scan(r.QueryContext(r.ctx, "SELECT a FROM t"))
	var got []string
	exemplars := 0
	h := collect(t, reader)["db.client.operation.duration"].Data.(metricdata.Histogram[float64])
	for _, p := range h.DataPoints {
		var kvs []string
		for _, kv := range p.Attributes.ToSlice() {
			if _, ok := base[string(kv.Key)]; !ok {
				kvs = append(kvs, string(kv.Key)+"="+kv.Value.String())
			}
		}
		got = append(got, strings.Join(kvs, " "))
		exemplars += len(p.Exemplars)
		if p.Attributes.Len() != len(kvs)+len(base) {
			t.Errorf("not all of %v are among %v", base, p.Attributes.ToSlice())
		}
	}
	slices.Sort(got)
	want := []string{
		"db.operation.name=DELETE db.query.summary=DELETE t db.response.status_code=40001 error.type=40001",
		"db.operation.name=SELECT db.query.summary=SELECT t",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if exemplars != 2 {
		t.Errorf("%d exemplars, want one each", exemplars)
	}
}

// TestSeriesAreBounded: a program that makes up table names has spans for them, not time series.
func TestSeriesAreBounded(t *testing.T) {
	mp, reader := meter(t)
	r := newRig(t, everything(nil), allOfConn, shop, trace.WithMeterProvider(mp))
	const tables = maxQueries + 10
	for i := range tables {
		if _, err := r.ExecContext(bg, fmt.Sprintf("DELETE FROM t%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	m := collect(t, reader)["db.client.operation.duration"]
	if n := len(m.Data.(metricdata.Histogram[float64]).DataPoints); n != maxSummaries+1 || count(m) != tables {
		t.Errorf("%d operations in %d series, want %d in %d", count(m), n, tables, maxSummaries+1)
	}
	if got := told(r.spans.Ended()); got[len(got)-1] != fmt.Sprintf("DELETE t%d operation.name=DELETE query.summary=DELETE t%[1]d", tables-1) {
		t.Errorf("the last span is %s", got[len(got)-1])
	}
}

func TestPool(t *testing.T) {
	mp, reader := meter(t)
	f := everything(nil)
	db := OpenDB(f.connector(allOfConn), shop, trace.WithMeterProvider(mp))
	db.SetMaxOpenConns(5)
	conn, err := db.Conn(bg)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.PingContext(bg); err != nil { // a second connection, idle afterwards
		t.Fatal(err)
	}
	got := map[string]any{}
	for name, m := range collect(t, reader) {
		switch d := m.Data.(type) {
		case metricdata.Sum[int64]:
			for _, p := range d.DataPoints {
				var of []string
				for _, kv := range p.Attributes.ToSlice() {
					of = append(of, kv.Value.AsString())
				}
				got[fmt.Sprint(name, " ", of)] = p.Value
			}
		case metricdata.Sum[float64]:
			got[name] = d.DataPoints[0].Value
		}
	}
	want := map[string]any{
		"db.client.connection.count [db.example:5432/shop idle]":                int64(1),
		"db.client.connection.count [db.example:5432/shop used]":                int64(1),
		"db.client.connection.max [db.example:5432/shop]":                       int64(5),
		"clew.db.client.connection.waits [db.example:5432/shop]":                int64(0),
		"clew.db.client.connection.wait_time":                                   0.0,
		"clew.db.client.connection.closed [max_idle db.example:5432/shop]":      int64(0),
		"clew.db.client.connection.closed [max_idle_time db.example:5432/shop]": int64(0),
		"clew.db.client.connection.closed [max_lifetime db.example:5432/shop]":  int64(0),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	if m, ok := collect(t, reader)["db.client.connection.count"]; ok {
		t.Errorf("the closed database still has %v", m.Data)
	}
}

// TestWatchPool: a pool that a library has opened can be watched, too, for as long as is wanted.
func TestWatchPool(t *testing.T) {
	mp, reader := meter(t)
	db := sql.OpenDB(WrapConnector(everything(nil).connector(allOfConn), shop))
	stop := WatchPool(db, shop, trace.WithMeterProvider(mp))
	if m, ok := collect(t, reader)["db.client.connection.count"]; !ok {
		t.Errorf("the pool is not watched: %v", m)
	}
	stop()
	if m, ok := collect(t, reader)["db.client.connection.count"]; ok {
		t.Errorf("after stop there is still %v", m.Data)
	}
	WatchPool(db, shop, trace.WithMeterProvider(mp), trace.WithoutMetrics())()
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}
