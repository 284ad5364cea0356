package sampled

import (
	"math"
	"testing"
	"time"
)

// every returns n times, ten minutes apart.
func every(n int) []time.Time {
	out := make([]time.Time, n)
	for i := range out {
		out[i] = time.Unix(0, 0).Add(time.Duration(i) * 10 * time.Minute)
	}
	return out
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name             string
		inUse, allocated []int64
		want             Class
	}{
		{"pure leak", []int64{0, 10, 20, 30, 40, 50, 60}, []int64{0, 10, 20, 30, 40, 50, 60}, Leaking},
		{"one in a hundred leaks", []int64{5, 13, 26, 33, 46, 54, 66}, []int64{0, 1000, 2000, 3000, 4000, 5000, 6000}, Leaking},
		{"leak on top of much that stays", []int64{9000, 9010, 9020, 9030, 9040, 9050, 9060}, []int64{9000, 9010, 9020, 9030, 9040, 9050, 9060}, Leaking},
		{"leak without counts of allocations", []int64{0, 30, 60, 90, 120, 150, 180}, nil, Leaking},
		{"cache that has filled", []int64{0, 30, 50, 58, 60, 60, 60}, []int64{0, 30, 50, 58, 60, 60, 60}, Steady},
		{"cache that still fills", []int64{0, 40, 70, 90, 104, 114, 121}, []int64{0, 40, 70, 90, 104, 114, 121}, Slowing},
		{"cache that evicts", []int64{0, 30, 60, 60, 60, 60, 60}, []int64{0, 30, 60, 90, 120, 150, 180}, Steady},
		{"churn", []int64{50, 61, 47, 55, 52, 44, 58}, []int64{0, 900, 1800, 2700, 3600, 4500, 5400}, Steady},
		{"thin", []int64{0, 0, 1, 1, 1, 2, 2}, []int64{0, 0, 1, 1, 1, 2, 2}, Thin},
		{"shrinks", []int64{60, 50, 40, 30, 20, 10, 0}, []int64{60, 60, 60, 60, 60, 60, 60}, Steady},
		{"jumps once", []int64{0, 0, 0, 0, 40, 40, 40}, []int64{0, 0, 0, 0, 40, 40, 40}, Slowing},
		{"two profiles", []int64{0, 40}, []int64{0, 40}, Growing},
	} {
		got := Judge([]Series{{InUse: c.inUse, Allocated: c.allocated, Bytes: 1000}}, every(len(c.inUse)))[0]
		if got.Class != c.want {
			t.Errorf("%s: class %d, want %d: %+v", c.name, got.Class, c.want, got)
		}
		if got.GrowthLow > got.Growth || got.Growth > got.GrowthHigh {
			t.Errorf("%s: growth %v not within %v to %v", c.name, got.Growth, got.GrowthLow, got.GrowthHigh)
		}
	}
}

// TestLeakWithTheWork: half-way through the work ebbs to a third, and the leak with
// it. A cache that slows down while the work goes on is another matter.
func TestLeakWithTheWork(t *testing.T) {
	stack := Series{InUse: []int64{0, 30, 60, 90, 100, 110, 120}, Allocated: []int64{0, 30, 60, 90, 100, 110, 120}, Bytes: 1}
	for _, c := range []struct {
		name string
		work []int64
		want Class
	}{
		{"ebbs", []int64{0, 3000, 6000, 9000, 10000, 11000, 12000}, Leaking},
		{"goes on", []int64{0, 3000, 6000, 9000, 12000, 15000, 18000}, Slowing},
		{"is not known", []int64{0, 0, 0, 0, 0, 0, 0}, Slowing}, // the stack itself is all the work there is
	} {
		rest := Series{InUse: make([]int64, 7), Allocated: c.work, Bytes: 1}
		if j := Judge([]Series{stack, rest}, every(7))[0]; j.Class != c.want {
			t.Errorf("the work %s: class %d, want %d: %+v", c.name, j.Class, c.want, j)
		}
	}
	stack.Allocated = nil
	if j := Judge([]Series{stack}, every(7))[0]; j.Class == Leaking {
		t.Errorf("the work is not counted: %+v", j)
	}
}

// TestAgeIsLittles: 20 objects in use, of which one is replaced every minute, are
// 20 minutes old.
func TestAgeIsLittles(t *testing.T) {
	s := Series{InUse: []int64{20, 20, 20, 20}, Allocated: []int64{0, 10, 20, 30}, Bytes: 1}
	if j := Judge([]Series{s}, every(4))[0]; math.Abs(j.Age-20*60) > 1e-6 {
		t.Errorf("age %v s, want 1200", j.Age)
	}
}

// TestManyStacks: what would be beyond chance for one stack is not for the best
// of a thousand.
func TestManyStacks(t *testing.T) {
	leak := Series{InUse: []int64{0, 2, 4, 6, 8, 10, 12}, Allocated: []int64{0, 2, 4, 6, 8, 10, 12}, Bytes: 1}
	leak.InUse[3], leak.Allocated[3] = 4, 4 // 8 in the later half: p = 1/256
	if j := Judge([]Series{leak}, every(7))[0]; j.Class != Leaking {
		t.Errorf("alone: %+v", j)
	}
	many := make([]Series, 1000)
	for i := range many {
		many[i] = leak
	}
	if j := Judge(many, every(7))[0]; j.Class != Thin {
		t.Errorf("one of a thousand: %+v", j)
	}
}

func TestFewProfiles(t *testing.T) {
	s := []Series{{InUse: []int64{40}, Bytes: 1}}
	if j := Judge(s, every(1))[0]; j.Class != Steady || j.PValue != 1 {
		t.Errorf("one profile: %+v", j)
	}
	s[0].InUse = []int64{0, 25, 50}
	if j := Judge(s, make([]time.Time, 3))[0]; j.Class != Leaking {
		t.Errorf("without times: %+v", j)
	}
}
