package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

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
	ours, err := b.largest(ctx)
	if err != nil {
		return err
	}
	equal := 0
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
		say("%#x %s: the library says %d, heapdiff %d, %+d", id, class, retained, ours[id], ours[id]-retained)
	}
	say("%d of the library's %d largest retained sizes are equal", equal, strings.Count(out, "\n"))
	say("%s", reasons)
	return nil
}

// reasons are why the two differ: with all three done the library's way, what is
// left are class objects themselves and the few that the last sentence is about.
const reasons = `Why they differ: the library gives a java.lang.Class another size, takes weak references
for holders, and does not count that an object keeps its class. A few objects of the JDK
differ for a reason that was not found; brute force agrees with heapdiff there.`

// largest are the retained sizes of more objects than are compared, by id.
func (b *bench) largest(ctx context.Context) (map[uint64]int64, error) {
	in, err := input.Open(ctx, b.dump, input.Options{})
	if err != nil {
		return nil, err
	}
	by, err := retainedByID(ctx, in.Data)
	return by, errors.Join(err, in.Close())
}

func retainedByID(ctx context.Context, data []byte) (map[uint64]int64, error) {
	f, err := hprof.Open(data)
	if err != nil {
		return nil, err
	}
	r, err := jvm.Analyze(ctx, data, jvm.Options{Layout: hprof.PlainLayout(f.IDSize), Largest: 20 * compared})
	if err != nil {
		return nil, err
	}
	by := map[uint64]int64{}
	for _, o := range r.Largest {
		by[o.ID] = o.Retained
	}
	return by, nil
}
