package cli_test

import (
	"os"
	"testing"

	"github.com/clewhq/clew/internal/cli"
)

type environment map[string]string

func (e environment) get(key string) string { return e[key] }

func TestColor(t *testing.T) {
	tests := []struct {
		name string
		env  environment
		want bool
	}{
		{"a file", nil, false},
		{"a file in a fine terminal", environment{"TERM": "xterm-256color"}, false},
		{"forced", environment{"CLICOLOR_FORCE": "1"}, true},
		{"forced on a dumb terminal", environment{"CLICOLOR_FORCE": "1", "TERM": "dumb"}, true},
		{"not forced", environment{"CLICOLOR_FORCE": "0"}, false},
		{"unwanted", environment{"NO_COLOR": "1"}, false},
		{"unwanted and forced", environment{"NO_COLOR": "1", "CLICOLOR_FORCE": "1"}, false},
		{"empty", environment{"NO_COLOR": "", "CLICOLOR_FORCE": "1"}, true},
	}
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := cli.Color(f, tt.env.get); got != tt.want {
				t.Errorf("Color = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestColorOfTerminal(t *testing.T) {
	f, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminal to be had: %v", err)
	}
	defer f.Close()
	for term, want := range map[string]bool{"xterm": true, "dumb": false} {
		if got := cli.Color(f, environment{"TERM": term}.get); got != want {
			t.Errorf("TERM=%s: Color = %v, want %v", term, got, want)
		}
	}
}
