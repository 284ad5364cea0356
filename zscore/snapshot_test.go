package zscore

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func newOf(t testing.TB, name string, schedule *Schedule) Snapshotter {
	t.Helper()
	d, err := NewDetector(name, schedule, KindRate, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	s, ok := d.(Snapshotter)
	if !ok {
		t.Fatalf("%s keeps no snapshots", name)
	}
	return s
}

func anySchedule(t testing.TB, edges ...time.Duration) *Schedule {
	t.Helper()
	s, err := NewSchedule(Calendar{Edges: edges})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSnapshots has a detector and its restored copy judge the same points: they
// never differ, whatever it was doing when the snapshot was taken.
func TestSnapshots(t *testing.T) {
	for _, name := range DetectorNames {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			schedule := anySchedule(t, 9*time.Hour)
			rng := rand.New(rand.NewPCG(1, 2))
			at := time.Date(2026, 10, 5, 0, 0, 0, 0, time.UTC)
			d := newOf(t, name, schedule)
			point := func() (time.Time, float64) {
				at = at.Add(time.Minute)
				v := 100 + 50*math.Sin(2*math.Pi*float64(at.Hour())/24) + rng.NormFloat64()
				if rng.IntN(500) == 0 {
					v *= 5
				}
				return at, v
			}
			for range 20 {
				for range 1 + rng.IntN(2000) {
					d.Observe(point())
				}
				b, err := d.AppendBinary([]byte("before"))
				if err != nil {
					t.Fatal(err)
				}
				copied := newOf(t, name, schedule)
				if err := copied.UnmarshalBinary(bytes.TrimPrefix(b, []byte("before"))); err != nil {
					t.Fatal(err)
				}
				for range 300 {
					now, v := point()
					want, got := d.Observe(now, v), copied.Observe(now, v)
					if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
						t.Fatalf("the restored detector judges differently at %v (-want +got):\n%s", now, diff)
					}
				}
			}
		})
	}
}

func TestSnapshotOfAnother(t *testing.T) {
	all := map[string][]byte{}
	for _, name := range DetectorNames {
		d := newOf(t, name, anySchedule(t))
		for k := range 3000 {
			d.Observe(time.Unix(int64(k)*60, 0), float64(k%7)+1)
		}
		b, err := d.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = b
	}
	for of, b := range all {
		for _, into := range DetectorNames {
			if err := newOf(t, into, anySchedule(t)).UnmarshalBinary(b); (err == nil) != (of == into) {
				t.Errorf("a snapshot of %s into %s: %v", of, into, err)
			} else if err != nil && !errors.Is(err, ErrSnapshot) {
				t.Errorf("a snapshot of %s into %s: %v, want ErrSnapshot", of, into, err)
			}
		}
		if err := newOf(t, of, anySchedule(t)).UnmarshalBinary(b[:len(b)-1]); err == nil {
			t.Errorf("%s was restored from a part of its snapshot", of)
		}
	}
	other := newOf(t, "season", anySchedule(t, 9*time.Hour))
	if err := other.UnmarshalBinary(all["season"]); err == nil {
		t.Error("the slots of one calendar were taken for those of another")
	}
}

// FuzzSnapshot restores anything, and observes with what came of it.
func FuzzSnapshot(f *testing.F) {
	for i, name := range DetectorNames {
		d := newOf(f, name, anySchedule(f))
		for k := range 500 {
			d.Observe(time.Unix(int64(k)*60, 0), float64(k%7)+1)
		}
		b, err := d.AppendBinary(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), b)
	}
	f.Fuzz(func(t *testing.T, which uint8, b []byte) {
		d := newOf(t, DetectorNames[int(which)%len(DetectorNames)], anySchedule(t))
		if d.UnmarshalBinary(b) != nil {
			return
		}
		for k := range 200 {
			d.Observe(time.Unix(int64(k)*600, 0), float64(k%11))
		}
	})
}
