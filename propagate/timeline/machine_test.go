package timeline

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestSplit has the exact time of each state, by the clock of the script.
func TestSplit(t *testing.T) {
	for _, tt := range []struct{ name, script, want string }{
		{
			"computing, sleeping, a worker", `
			0 g1 running
			0 g2 parked
			0 g1 begin A
			0 g1 carry A
			20 g1 wait sleep
			50 g1 ready
			51 g1 run
			51 g2 ready by g1 runtime.chansend1
			51 g1 wait chan receive
			52 g2 run
			52 g2 region job
			67 g1 ready by g2 runtime.chansend1
			67 g2 endregion
			68 g1 run
			70 g1 end A
			70 g1 carry -
			`, `
A 0-70, running 22, runnable 2, chan receive 16, sleep 30
  g2 handed over 52-67, running 15
`,
		},
		{
			"a child on the same goroutine counts for both", `
			0 g1 running
			5 g1 begin A
			5 g1 carry A
			10 g1 begin B A
			10 g1 carry B
			15 g1 syscall
			18 g1 return
			20 g1 end B
			20 g1 carry A
			30 g1 end A
			30 g1 carry -
			`, `
A 5-30, running 22, syscall 3
B 10-20, running 7, syscall 3
`,
		},
		{
			"a goroutine started under a span inherits it", `
			0 g1 running
			0 g1 begin A
			0 g1 carry A
			1 g1 go g2
			2 g2 run
			4 g2 exit
			10 g1 end A
			`, `
A 0-10, running 10
  g2 inherited 1-4, running 2, runnable 1
`,
		},
		{
			"one that outlives the span is its only while it lasts", `
			0 g1 running
			0 g1 begin A
			0 g1 carry A
			1 g1 go g2
			2 g2 run
			10 g1 end A
			10 g1 carry -
			90 g2 exit
			`, `
A 0-10, running 10
  g2 inherited 1-10, running 8, runnable 1
`,
		},
		{
			"another that enters the span", `
			0 g1 running
			0 g2 running
			0 g1 begin A
			0 g1 carry A
			3 g2 carry A
			5 g2 carry -
			10 g1 end A
			`, `
A 0-10, running 10
  g2 entered 3-5, running 2
`,
		},
		{
			"a continuation: left by one, resumed by another, ended by a third", `
			0 g1 running
			0 g2 running
			0 g3 running
			0 g1 begin A
			0 g1 carry A
			10 g1 carry -
			40 g2 carry A
			55 g2 carry -
			60 g3 end A
			`, `
A 0-60, running 25, suspended 35
`,
		},
		{
			"a child resumed elsewhere takes its parent along", `
			0 g1 running
			0 g2 running
			0 g1 begin A
			0 g1 carry A
			0 g1 begin B A
			0 g1 carry B
			10 g1 carry -
			20 g2 carry B
			30 g2 end B
			30 g2 carry A
			35 g2 end A
			`, `
A 0-35, running 25, suspended 10
B 0-30, running 20, suspended 10
`,
		},
		{
			"a span that nobody carries stays with its goroutine", `
			0 g1 running
			0 g1 begin A
			0 g1 carry A
			2 g1 begin B A
			4 g1 wait network
			8 g1 ready
			8 g1 run
			9 g1 end B
			10 g1 end A
			`, `
A 0-10, running 6, network 4
B 2-9, running 3, network 4
`,
		},
		{
			"a span that began before the trace", `
			0 g1 running
			10 g1 carry A
			30 g1 end A
			`, `
? 0-30, running 20, unknown 10
`,
		},
		{
			"only its end is in the trace", `
			0 g1 running
			30 g1 end A
			`, `
? 0-30, unknown 30
`,
		},
		{
			"one that does not end, on a goroutine known from the middle on", `
			0 g2 running
			5 g1 begin A
			9 g1 wait select
			20 g2 preempt
			`, `
A 5-20, running 4, select 11
`,
		},
		{
			"marks that do not fit together", `
			0 g1 running
			1 g1 begin A
			2 g1 begin A
			3 g1 end A
			4 g1 end A
			`, `
A 1-3, running 2
warning: at 2ms: span 0000000000000041 begins twice
warning: at 4ms: span 0000000000000041 ends twice
`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := script(t, tt.script)
			if diff := cmp.Diff(tt.want, "\n"+show(r)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			checkSums(t, r)
		})
	}
}

// checkSums checks that no time is lost or counted twice.
func checkSums(t *testing.T, r *Report) {
	t.Helper()
	for _, s := range r.Spans {
		if got, want := s.Own.Total(), s.End-s.Start; got != want {
			t.Errorf("span %s %s: the parts sum to %v, the span is %v", s.SpanID, s.Name, got, want)
		}
		for _, w := range s.Elsewhere {
			if got, want := w.Split.Total(), w.To-w.From; got != want {
				t.Errorf("span %s %s: work of g%d: the parts sum to %v, the work is %v", s.SpanID, s.Name, w.Goroutine, got, want)
			}
		}
	}
}

// TestUnknown is about workers that carry nothing: what the trace does not prove
// is not said.
func TestUnknown(t *testing.T) {
	const begin = `
		0 g1 running
		0 g3 running
		0 g2 parked
		0 g1 begin A
		0 g1 carry A
		`
	for _, tt := range []struct{ name, script, want string }{
		{
			"woken by a send, the second region without a park", `
			1 g2 ready by g1 runtime.chansend1
			1 g2 run
			2 g2 region first
			3 g2 endregion
			4 g2 region second
			5 g2 endregion
			6 g1 end A
			`, `
A 0-6, running 6
  g2 handed over 2-3, running 1
unknown g2 second 4-5: the work was taken from a buffer, or the send is not in the trace
`,
		},
		{
			"sent by one without a span", `
			1 g2 ready by g3 runtime.chansend1
			1 g2 run
			2 g2 region job
			3 g2 endregion
			`, `
A 0-3, running 3
unknown g2 job 2-3: the sender carried no span
`,
		},
		{
			"woken by a close", `
			1 g2 ready by g1 main.main
			1 g2 run
			2 g2 region job
			3 g2 endregion
			`, `
A 0-3, running 3
unknown g2 job 2-3: the work was taken from a buffer, or the send is not in the trace
`,
		},
		{
			"both in a select: who sent?", `
			1 g2 ready by g3 runtime.chansend1
			1 g2 run
			1 g2 region r
			1 g2 endregion
			2 g2 wait select @loop
			3 g2 ready by g1 runtime.selectgo
			3 g2 run
			4 g2 region job
			5 g2 endregion
			`, `
A 0-5, running 5
unknown g2 r 1-1: the sender carried no span
unknown g2 job 4-5: the work was taken from a buffer, or the send is not in the trace
`,
		},
		{
			"sent from a select to a plain receive", `
			1 g2 ready by g3 runtime.chansend1
			1 g2 run
			1 g2 region r
			1 g2 endregion
			2 g2 wait chan receive @loop
			3 g2 ready by g1 runtime.selectgo
			3 g2 run
			4 g2 region job
			5 g2 endregion
			`, `
A 0-5, running 5
  g2 handed over 4-5, running 1
unknown g2 r 1-1: the sender carried no span
`,
		},
		{
			"a worker that also receives what is no work", `
			1 g2 ready by g1 runtime.chansend1
			1 g2 run
			2 g2 wait chan receive @loop
			3 g2 ready by g1 runtime.chansend1
			3 g2 run
			4 g2 region job
			5 g2 endregion
			`, `
A 0-5, running 5
unknown g2 job 4-5: the worker also receives what is no work
`,
		},
		{
			"a worker that receives at two places", `
			1 g2 ready by g1 runtime.chansend1
			1 g2 run
			2 g2 region job
			3 g2 endregion
			4 g2 wait chan receive @loop
			5 g2 ready
			5 g2 run
			6 g2 wait chan receive @elsewhere
			`, `
A 0-6, running 6
unknown g2 job 2-3: the worker receives at more than one place
`,
		},
		{
			"the sender's span has ended", `
			1 g1 end A
			2 g2 ready by g1 runtime.chansend1
			2 g2 run
			3 g2 region job
			4 g2 endregion
			`, `
A 0-1, running 1
unknown g2 job 3-4: the sender carried no span
`,
		},
		{
			"the work says itself whose it is", `
			1 g2 ready by g3 runtime.chansend1
			1 g2 run
			2 g2 region job
			3 g2 carry A
			4 g2 carry -
			5 g2 endregion
			6 g1 end A
			`, `
A 0-6, running 6
  g2 entered 3-4, running 1
`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := script(t, begin+tt.script)
			if diff := cmp.Diff(tt.want, "\n"+show(r)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			checkSums(t, r)
		})
	}
}
