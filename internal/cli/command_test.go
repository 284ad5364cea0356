package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/internal/cli"
)

// result is what one call of a program left behind.
type result struct {
	status      int
	out, errors string
}

// call runs a one-verb program named meter, built by build, on args.
func call(t *testing.T, build func(*cobra.Command, cli.Streams), args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	s := cli.Streams{In: bytes.NewReader(nil), Out: bufio.NewWriter(&out), Err: &errs}
	status := cli.Run(t.Context(), func(ctx context.Context, s cli.Streams, args []string) error {
		c := &cobra.Command{Use: "meter", Short: "Measure", Args: cli.NoArgs, RunE: func(*cobra.Command, []string) error { return nil }}
		build(c, s)
		return cli.Execute(ctx, s, cli.Root(c), args)
	}, s, args)
	return result{status, out.String(), errs.String()}
}

func TestSharedFlags(t *testing.T) {
	build := func(c *cobra.Command, s cli.Streams) {
		d := cli.Duration(c.Flags(), "measure for this `time`")
		e := cli.Every(c.Flags(), 10*time.Second, "report every `time`")
		n := cli.Count(c.Flags(), "end after `number` reports")
		p := cli.PID(c.Flags(), "look at process `pid`")
		c.RunE = func(*cobra.Command, []string) error {
			fmt.Fprintln(s.Out, *d, *e, *n, *p)
			return nil
		}
	}
	misuse := func(line string) result {
		return result{2, "", "meter: " + line + "\nTry 'meter --help'.\n"}
	}
	tests := []struct {
		name string
		args []string
		want result
	}{
		{"none", nil, result{0, "0s 10s 0 0\n", ""}},
		{"short", []string{"-d", "1m30s", "-p", "7"}, result{0, "1m30s 10s 0 7\n", ""}},
		{"long", []string{"--duration=90", "--every", "0.5", "--count", "3", "--pid", "42"}, result{0, "1m30s 500ms 3 42\n", ""}},
		{"no time", []string{"-d", "soon"}, misuse(`invalid argument "soon" for "-d, --duration" flag: want a time such as 90, 1m30s or 500ms`)},
		{"no time at all", []string{"-d", "0"}, misuse(`invalid argument "0" for "-d, --duration" flag: want a time above 0`)},
		{"time before", []string{"--every=-1s"}, misuse(`invalid argument "-1s" for "--every" flag: want a time above 0`)},
		{"no number", []string{"--count", "many"}, misuse(`invalid argument "many" for "--count" flag: want a whole number above 0`)},
		{"no process", []string{"-p", "0"}, misuse(`invalid argument "0" for "-p, --pid" flag: want a whole number above 0`)},
		{"argument", []string{"7"}, misuse(`takes no arguments, got "7"`)},
		{"missing value", []string{"-p"}, misuse(`flag needs an argument: 'p' in -p`)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := call(t, build, tt.args...); got != tt.want {
				t.Errorf("meter %q = %+v\nwant %+v", tt.args, got, tt.want)
			}
		})
	}
}

func TestExecuteSaysWhoFailed(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want result
	}{
		{"failure", errors.New("read: broken"), result{2, "", "meter sub: read: broken\n"}},
		{"own misuse", cli.Usagef("name a file or a pid"), result{2, "", "meter sub: name a file or a pid\nTry 'meter sub --help'.\n"}},
		{"gate", cli.GateMet{Reason: "p99 9 ms is above 5 ms"}, result{1, "", "meter sub: p99 9 ms is above 5 ms\n"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := call(t, func(c *cobra.Command, _ cli.Streams) {
				c.AddCommand(&cobra.Command{Use: "sub", RunE: func(*cobra.Command, []string) error { return tt.err }})
			}, "sub")
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestLogger(t *testing.T) {
	build := func(c *cobra.Command, _ cli.Streams) {
		c.RunE = func(c *cobra.Command, _ []string) error {
			log := cli.Logger(c)
			log.Debug("looked")
			log.Info("found", "n", 2)
			log.Error("lost")
			return nil
		}
	}
	if got, want := call(t, build).errors, "level=INFO msg=found n=2\nlevel=ERROR msg=lost\n"; got != want {
		t.Errorf("stderr %q, want %q", got, want)
	}
	if got, want := call(t, build, "-q").errors, "level=ERROR msg=lost\n"; got != want {
		t.Errorf("-q: stderr %q, want %q", got, want)
	}
	var stamps, levels []string
	for line := range bytes.Lines([]byte(call(t, build, "--verbose").errors)) {
		var stamp, level string
		if _, err := fmt.Sscanf(string(line), "time=%s level=%s", &stamp, &level); err != nil {
			t.Fatalf("-v: line %q: %v", line, err)
		}
		stamps, levels = append(stamps, stamp), append(levels, level)
	}
	if got, want := fmt.Sprint(levels), "[DEBUG INFO ERROR]"; got != want {
		t.Errorf("-v: levels %v, want %v", got, want)
	}
	for _, s := range stamps {
		if _, err := time.Parse(time.RFC3339, s); err != nil {
			t.Errorf("-v: %v", err)
		}
	}
}

func TestWriteJSON(t *testing.T) {
	tests := []struct {
		name, want string
		value      any
	}{
		{"members", `{"schema_version":3,"name":"a<b>"}` + "\n", map[string]string{"name": "a<b>"}},
		{"empty", `{"schema_version":3}` + "\n", struct{}{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := cli.WriteJSON(&b, 3, tt.value); err != nil {
				t.Fatal(err)
			}
			if b.String() != tt.want {
				t.Errorf("got %q, want %q", b.String(), tt.want)
			}
		})
	}
	if err := cli.WriteJSON(io.Discard, 1, []int{1}); err == nil {
		t.Error("an array has no schema_version, but WriteJSON took it")
	}
	if err := cli.WriteJSON(io.Discard, 1, func() {}); err == nil {
		t.Error("WriteJSON took a func")
	}
}
