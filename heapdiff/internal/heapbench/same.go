package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/clewhq/clew/heapdiff/internal/bruteforce"
	"github.com/clewhq/clew/heapdiff/internal/hprof"
	"github.com/clewhq/clew/heapdiff/internal/input"
	"github.com/clewhq/clew/heapdiff/internal/jvm"
)

// compared is how many of the largest objects are compared.
const compared = 50

// same compares the largest retained sizes with those of VisualVM's library,
// which counts objects as they lie in the dump; so does heapdiff here.
func (b *bench) same(ctx context.Context) error {
	rival, err := b.rival(ctx)
	if err != nil {
		return err
	}
	var out string
	err = b.cold(func(dump string) error {
		out, _, err = measured(ctx, rival[0], append(rival[1:], dump, fmt.Sprint(compared))...)
		return err
	})
	if err != nil {
		return err
	}
	in, err := input.Open(ctx, b.dump, input.Options{})
	if err != nil {
		return err
	}
	return errors.Join(compare(ctx, in.Data, out), in.Close())
}

// compare takes the library's output, and lets brute force judge where heapdiff has
// another size.
func compare(ctx context.Context, data []byte, out string) error {
	f, err := hprof.Open(data)
	if err != nil {
		return err
	}
	layout := hprof.PlainLayout(f.IDSize)
	ours, err := retainedByID(ctx, data, layout)
	if err != nil {
		return err
	}
	plain, err := bruteforce.Read(ctx, data, layout)
	if err != nil {
		return err
	}
	equal, right := 0, 0
	for line := range strings.Lines(out) {
		var id uint64
		var retained int64
		var class string
		if _, err := fmt.Sscan(line, &id, &retained, &class); err != nil {
			return fmt.Errorf("the library's output %q: %w", line, err)
		}
		if ours[id] == retained {
			equal++
			continue
		}
		judge := plain.Retained(id)
		if judge == ours[id] {
			right++
		}
		say("%#x %s: the library says %d, heapdiff %d, brute force %d", id, class, retained, ours[id], judge)
	}
	n := strings.Count(out, "\n")
	say("%d of the library's %d largest retained sizes are equal; of the other %d brute force agrees with heapdiff in %d", equal, n, n-equal, right)
	say("%s", reasons)
	return nil
}

// reasons are why the two differ: with all three done the library's way, what is
// left are class objects themselves and a few of JMX.
const reasons = `Why they differ: the library gives a java.lang.Class another size, takes weak references
for holders, and does not count that an object keeps its class.`

// retainedByID are the retained sizes of more objects than are compared, by id.
func retainedByID(ctx context.Context, data []byte, layout hprof.Layout) (map[uint64]int64, error) {
	r, err := jvm.Analyze(ctx, data, jvm.Options{Layout: layout, Largest: 20 * compared})
	if err != nil {
		return nil, err
	}
	by := map[uint64]int64{}
	for _, o := range r.Largest {
		by[o.ID] = o.Retained
	}
	return by, nil
}
