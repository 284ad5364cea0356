package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/clewhq/clew/heapdiff"
	"github.com/clewhq/clew/heapdiff/internal/hprof"
	"github.com/clewhq/clew/heapdiff/internal/input"
)

// histogram compares classes by generation with a bare walk, both in this
// process, and the whole program with hprof-slurp.
func (b *bench) histogram(ctx context.Context) error {
	slurp, err := b.slurp(ctx)
	if err != nil {
		return err
	}
	walk, read := &series{name: "bare walk"}, &series{name: "histogram with generations"}
	top, rival := &series{name: "heapdiff top"}, &series{name: "hprof-slurp " + slurpVersion}
	for range b.rounds {
		if err := walk.time(func() error { return b.bareWalk(ctx) }); err != nil {
			return err
		}
		if err := read.time(func() error {
			s, err := heapdiff.Read(ctx, b.dump, heapdiff.Options{Shallow: true})
			if err == nil && s.Generations == heapdiff.GenerationsUnknown {
				err = errors.New("no generation map lies beside the dump")
			}
			return err
		}); err != nil {
			return err
		}
		if _, err := top.run(ctx, b.program, "top", b.dump); err != nil {
			return err
		}
		if _, err := rival.run(ctx, slurp, b.dump); err != nil {
			return err
		}
	}
	for _, s := range []*series{walk, read, top, rival} {
		s.print()
	}
	say("speed of the histogram in bare walks: %s", read.faster(walk))
	say("heapdiff top is faster than hprof-slurp: %s", top.faster(rival))
	return nil
}

func (b *bench) bareWalk(ctx context.Context) error {
	in, err := input.Open(ctx, b.dump, input.Options{})
	if err != nil {
		return err
	}
	f, err := hprof.Open(in.Data)
	if err == nil {
		err = f.Walk(ctx, runtime.GOMAXPROCS(0), func(int) hprof.Visitor { return hprof.Visitor{} }, nil)
	}
	return errors.Join(err, in.Close())
}

func (s *series) time(f func() error) error {
	start := time.Now()
	err := f()
	s.runs = append(s.runs, cost{wall: time.Since(start)})
	return err
}

func (s *series) run(ctx context.Context, name string, args ...string) (string, error) {
	out, c, err := measured(ctx, name, args...)
	s.runs = append(s.runs, c)
	return out, err
}

// retained compares retained sizes with VisualVM's library.
func (b *bench) retained(ctx context.Context) error {
	rival, err := b.rival(ctx)
	if err != nil {
		return err
	}
	ours, theirs := &series{name: "heapdiff show --retained"}, &series{name: "VisualVM's library"}
	var objects int64
	for range b.rounds {
		if objects, err = b.retain(ctx, ours, b.dump); err != nil {
			return err
		}
		err = b.cold(func(dump string) error {
			_, err := theirs.run(ctx, rival[0], append(rival[1:], dump, "50")...)
			return err
		})
		if err != nil {
			return err
		}
	}
	ours.print()
	theirs.print()
	ours.printObject(objects)
	say("heapdiff is faster: %s", ours.faster(theirs))
	return nil
}

// retain runs heapdiff for retained sizes and returns how many objects there are.
func (b *bench) retain(ctx context.Context, s *series, dump string) (int64, error) {
	out, err := s.run(ctx, b.program, "show", "--retained", "--format", "json", dump)
	if err != nil {
		return 0, err
	}
	return countObjects(out)
}

// printObject prints what one object takes, and returns its time.
func (s *series) printObject(objects int64) float64 {
	ns := float64(s.median()) / float64(objects)
	anonymous := s.peak(func(c cost) int64 { return c.anonymous })
	say("    %d objects: %.1f bytes and %.0f ns of wall time an object", objects, float64(anonymous)/float64(objects), ns)
	return ns
}

// smallMB is the dump that linear compares with.
const smallMB = 126

// linear compares the time for an object in the dump and in a small one, which are
// read by turns.
func (b *bench) linear(ctx context.Context) error {
	small, err := b.makeDump(ctx, smallMB)
	if err != nil {
		return err
	}
	few, many := &series{name: filepath.Base(small)}, &series{name: filepath.Base(b.dump)}
	var fewer, more int64
	for range b.rounds {
		if fewer, err = b.retain(ctx, few, small); err != nil {
			return err
		}
		if more, err = b.retain(ctx, many, b.dump); err != nil {
			return err
		}
	}
	few.print()
	base := few.printObject(fewer)
	many.print()
	say("an object of %s takes %.2f× the time of one of %s", many.name, many.printObject(more)/base, few.name)
	return nil
}

// cold gives f the dump by a name in a new directory: the library keeps an index
// beside a dump and would find that of the round before.
func (b *bench) cold(f func(dump string) error) error {
	dir, err := os.MkdirTemp(b.dir, "cold-")
	if err != nil {
		return err
	}
	dump := filepath.Join(dir, "heap.hprof")
	if err = os.Symlink(b.dump, dump); err == nil {
		err = f(dump)
	}
	return errors.Join(err, os.RemoveAll(dir))
}

func countObjects(report string) (int64, error) {
	var r struct {
		Snapshots []struct {
			Objects int64 `json:"objects"`
		} `json:"snapshots"`
	}
	if err := json.Unmarshal([]byte(report), &r); err != nil || len(r.Snapshots) != 1 {
		return 0, fmt.Errorf("the report of heapdiff: %d snapshots, %w", len(r.Snapshots), err)
	}
	return r.Snapshots[0].Objects, nil
}

// budget runs with a limit on memory and without, and compares the answers.
func (b *bench) budget(ctx context.Context) error {
	free, limited := &series{name: "without a limit"}, &series{name: "--max-mem " + b.limit}
	args := []string{"show", "--retained", "--format", "json", "--temp-dir", b.dir}
	for range b.rounds {
		want, err := free.run(ctx, b.program, append(args, b.dump)...)
		if err != nil {
			return err
		}
		got, err := limited.run(ctx, b.program, append(args, "--max-mem", b.limit, b.dump)...)
		if err != nil {
			return err
		}
		if got != want {
			return errors.New("the answer under the limit is another one")
		}
	}
	free.print()
	limited.print()
	say("both give the same answer, byte for byte")
	return nil
}
