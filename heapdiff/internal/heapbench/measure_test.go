package main

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFaster(t *testing.T) {
	of := func(ms ...int) *series {
		s := &series{}
		for _, n := range ms {
			s.runs = append(s.runs, cost{wall: time.Duration(n) * time.Millisecond})
		}
		return s
	}
	ours, theirs := of(10, 20, 10), of(50, 40, 30)
	if got, want := ours.faster(theirs), "3.00× [2.00–5.00]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := theirs.median(); got != 40*time.Millisecond {
		t.Errorf("the median is %s", got)
	}
}

func TestMeasured(t *testing.T) {
	out, c, err := measured(context.Background(), os.Args[0], "-test.list", "TestMeasured")
	if err != nil || !strings.HasPrefix(out, "TestMeasured") || c.wall <= 0 {
		t.Errorf("got %q, %+v, %v", out, c, err)
	}
	if _, _, err := measured(context.Background(), os.Args[0], "-test.run", "["); err == nil {
		t.Error("a program that fails is no error")
	}
}
