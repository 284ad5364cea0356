package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/clewhq/clew/internal/cli"
)

// fakePrometheus answers range queries with two series of which one, at one
// moment, is far off.
func fakePrometheus(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		if !strings.HasSuffix(r.URL.Path, "/api/v1/query_range") || r.Form.Get("query") != "rps" {
			http.Error(w, `{"status":"error","errorType":"bad_data","error":"no such query"}`, http.StatusBadRequest)
			return
		}
		from, err1 := strconv.ParseFloat(r.Form.Get("start"), 64)
		to, err2 := strconv.ParseFloat(r.Form.Get("end"), 64)
		if err1 != nil || err2 != nil || r.Form.Get("step") != "60" {
			t.Errorf("asked for %v", r.Form)
		}
		var series []string
		for _, route := range []string{"/pay", "/cart"} {
			var values []string
			for at := from; at <= to; at += 60 {
				v := 100 + float64(int(at/60)%7)
				if route == "/pay" && to-at >= 600 && to-at < 1200 {
					v *= 5
				}
				values = append(values, fmt.Sprintf(`[%.0f,"%g"]`, at, v))
			}
			series = append(series, fmt.Sprintf(`{"metric":{"route":%q},"values":[%s]}`, route, strings.Join(values, ",")))
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"matrix","result":[%s]}}`, strings.Join(series, ","))
	}))
	t.Cleanup(s.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return s
}

func call(t *testing.T, args ...string) (out string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	w := bufio.NewWriter(&stdout)
	err = run(t.Context(), cli.Streams{In: strings.NewReader(""), Out: w, Err: &stderr}, args)
	if ferr := w.Flush(); ferr != nil {
		t.Fatal(ferr)
	}
	return stdout.String(), err
}

func TestBacktestOfPrometheus(t *testing.T) {
	server := fakePrometheus(t)
	dir := t.TempDir()
	plot := filepath.Join(dir, "p.html")
	ask := []string{"--prometheus", server.URL, "--query", "rps", "--history", "24h", "--detector", "zscore", "--kind", "rate"}
	out, err := call(t, append([]string{"backtest", "--json", "--plot", plot}, ask...)...)
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if r.Series != 2 || len(r.Alerts) != 1 || r.Alerts[0].Series != `{route="/pay"}` || r.Alerts[0].Direction != "up" || r.PagesPerWeek < 6.9 || r.PagesPerWeek > 7.1 {
		t.Errorf("report %+v, want one alert of /pay in two series, seven a week", r)
	}
	page, err := os.ReadFile(plot)
	if err != nil || strings.Count(string(page), "<svg") != 2 || !strings.Contains(string(page), "alerts: 1 of 2 series") {
		t.Errorf("the page (%v) has %d bytes, want two pictures and one alert", err, len(page))
	}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{append([]string{"backtest", "--plot", filepath.Join(dir, "p.png")}, ask...), "there are 2 series: want .html"},
		{[]string{"backtest", "--prometheus", server.URL, "--query", "other"}, "no such query"},
		{[]string{"backtest", "--prometheus", server.URL}, "wants a --query"},
		{[]string{"backtest"}, "from --csv or from --prometheus"},
		{[]string{"backtest", "--csv", "x", "--query", "y"}, "--query is for --prometheus"},
		{[]string{"backtest", "--csv", "x", "--plot", "x.gif"}, "ends in .svg, .png or .html"},
	} {
		if _, err := call(t, tt.args...); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: err = %v, want %q", tt.args, err, tt.want)
		}
	}
}

func TestExplainNamesWhatDrivesIt(t *testing.T) {
	server := fakePrometheus(t)
	// The last point is ten minutes after the fault: look back into it.
	ask := []string{"explain", "--prometheus", server.URL, "--query", "rps", "--history", "24h", "--detector", "zscore", "--kind", "rate"}
	out, err := call(t, append(ask, "--json")...)
	if err != nil {
		t.Fatal(err)
	}
	var now explanation
	if err := json.Unmarshal([]byte(out), &now); err != nil || len(now.Series) != 2 {
		t.Fatalf("%v: %s", err, out)
	}
	last := now.Series[0].Points[len(now.Series[0].Points)-1].Time
	during := last.Add(-1140e9).Format("2006-01-02T15:04:05Z07:00")
	out, err = call(t, append(ask, "--at", during)...)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`{route="/pay"}` + "\nat ", "was unusual against the last points", "the deviation up comes from route=/pay (", "BAND OF Z"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	if strings.Index(out, "/pay") > strings.Index(out, "/cart") {
		t.Errorf("the series that is furthest off is not the first:\n%s", out)
	}
	if _, err := call(t, append(ask, "--at", "2001-01-01")...); err == nil || !strings.Contains(err.Error(), "no point until 2001-01-01") {
		t.Errorf("a time before all points: %v", err)
	}
}

func TestTune(t *testing.T) {
	server := fakePrometheus(t)
	ask := []string{"tune", "--prometheus", server.URL, "--query", "rps", "--history", "48h", "--detector", "zscore", "--kind", "rate"}
	out, err := call(t, append(ask, "--json")...)
	if err != nil {
		t.Fatal(err)
	}
	var got tuning
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if got.Chosen == nil || got.Chosen.FirstHalf != 0 || got.Chosen.Fire != 3 || got.Series != 2 {
		t.Fatalf("tuning %+v, want the most sensitive rule: the first half is quiet", got)
	}
	// One page in the second half: half of two days, of two series.
	if want := 7.0 / 2; got.Chosen.SecondHalf < want-0.1 || got.Chosen.SecondHalf > want+0.1 {
		t.Errorf("%v pages a week in the second half, want %v", got.Chosen.SecondHalf, want)
	}
	for i, one := range got.Tried[1:] {
		if one.Fire < got.Tried[i].Fire {
			t.Errorf("rules are not in order: %+v", got.Tried)
		}
	}
	if _, err := call(t, append(ask, "--pages", "-1")...); err == nil {
		t.Error("a negative number of pages is taken")
	}
	text, err := call(t, ask...)
	if err != nil || !strings.Contains(text, "<- chosen") || !strings.Contains(text, "z: {fire: 3, resolve: 1.5}") {
		t.Errorf("text (%v):\n%s", err, text)
	}
}
