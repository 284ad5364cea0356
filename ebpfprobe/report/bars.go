package report

import (
	"cmp"
	"io"
	"slices"
	"strings"
)

// barWidth is how many columns the fullest row of a text histogram has.
const barWidth = 40

// SyscallHistograms writes a histogram of each system call, a row for each power
// of two.
func SyscallHistograms(w io.Writer, rows []Syscall, o Options) error {
	p := &printer{w: w, o: o}
	rows = slices.SortedStableFunc(slices.Values(rows), func(a, b Syscall) int { return cmp.Compare(b.Time.Sum, a.Time.Sum) })
	for i := range rows[:o.top(len(rows))] {
		p.printf("\n%s, %s\n", printable(rows[i].Name), plural(rows[i].Calls, "call"))
		p.bars(&rows[i].Time)
	}
	return p.err
}

func (p *printer) bars(d *Durations) {
	sums := make([]uint64, (len(d.Counts)+SubBuckets-1)/SubBuckets)
	for i, n := range d.Counts {
		sums[i/SubBuckets] += n
	}
	first := slices.IndexFunc(sums, func(n uint64) bool { return n > 0 })
	if first < 0 {
		return
	}
	t := &table{tailLeft: true, indent: "  "}
	most := slices.Max(sums)
	for i := first; i < len(sums); i++ {
		n := sums[i] * barWidth / most
		if sums[i] > 0 {
			n = max(n, 1)
		}
		t.add(durationText(BucketFrom(i*SubBuckets))+" to", durationText(BucketFrom((i+1)*SubBuckets)), countText(sums[i]), strings.Repeat("█", int(n)))
	}
	p.table(t)
}
