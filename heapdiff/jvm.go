package heapdiff

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/clewhq/clew/heapdiff/internal/genmap"
	"github.com/clewhq/clew/heapdiff/internal/hprof"
	"github.com/clewhq/clew/heapdiff/internal/input"
	"github.com/clewhq/clew/heapdiff/internal/jvm"
)

// readJVM reads a heap dump with its generation map.
func readJVM(ctx context.Context, in *input.Input, o Options) (*Snapshot, error) {
	s := &Snapshot{Kind: KindJVM, Generations: GenerationsUnknown, Warnings: []string{}}
	m, err := readMaps(mapFiles(in, o), o, s)
	if err != nil {
		return nil, err
	}
	r, err := jvm.Analyze(ctx, in.Data, jvm.Options{
		Map: m, Shallow: o.Shallow, Partial: o.Partial, MaxMem: o.MaxMem, TempDir: o.TempDir, Workers: o.Workers,
		Layout:  hprof.Layout{Reference: o.Reference, Header: o.Header},
		PathsTo: o.PathsTo, MaxPaths: o.MaxPaths,
		Progress: o.progress(in.Name),
	})
	if errors.Is(err, jvm.ErrDamaged) {
		return nil, fmt.Errorf("%w: %w; --partial uses what is whole", ErrDamaged, err)
	}
	if err != nil {
		return nil, err
	}
	if m != nil {
		if err := s.checkMap(m, r, o); err != nil {
			return nil, err
		}
	}
	s.fill(r, o)
	return s, nil
}

func (o *Options) progress(source string) func(string, float64) {
	if o.Progress == nil {
		return nil
	}
	return func(stage string, done float64) { o.Progress(Progress{source, stage, done}) }
}

// mapFiles are the user's maps, or the one that snap has put beside the dump.
func mapFiles(in *input.Input, o Options) []string {
	if len(o.Maps) > 0 || in.Path == "" {
		return o.Maps
	}
	beside := MapBeside(in.Path)
	if _, err := os.Stat(beside); err != nil {
		return nil
	}
	return []string{beside}
}

// readMaps joins the maps in files, in the order in which they were taken.
func readMaps(files []string, o Options, s *Snapshot) (*genmap.Map, error) {
	var joined *genmap.Map
	counters := map[string]int64{}
	var doubts []string
	layouts, began := 0, false
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("generation map: %w", err)
		}
		for _, part := range genmap.Split(string(text)) {
			m, err := genmap.Parse(part)
			if errors.Is(err, genmap.ErrNoGenerations) {
				s.Warnings = append(s.Warnings, err.Error())
				return nil, nil
			}
			if err != nil {
				return nil, fmt.Errorf("generation map %s: %w", file, err)
			}
			doubts = append(doubts, genmap.Moved(counters, m.Counters)...)
			began = began || strings.HasPrefix(part, genmap.Began) && len(m.Counters) > 0
			if len(m.Regions) == 0 {
				continue
			}
			layouts++
			if joined == nil {
				joined = m
				continue
			}
			var more []string
			joined, more = genmap.Join(joined, m)
			doubts = append(doubts, more...)
		}
	}
	if len(files) > 0 && joined == nil {
		return nil, fmt.Errorf("generation map: %s and the others have counters only, no layout of the heap", files[0])
	}
	switch {
	case layouts == 1 && began:
		filled, err := joined.Filled()
		if err != nil {
			doubts = append(doubts, err.Error())
			break
		}
		joined = filled
	case layouts == 1:
		s.Warnings = append(s.Warnings, "one generation map only: that no collection ran between it and the dump is likely, not proven; a second map from after the dump proves it")
	}
	return joined, s.doubt(doubts, o)
}

// doubt refuses an inconsistent map, or notes why it is approximate.
func (s *Snapshot) doubt(doubts []string, o Options) error {
	if len(doubts) == 0 {
		return nil
	}
	if !o.AllowApproximate {
		return fmt.Errorf("%w: %s; --allow-approximate goes on nevertheless", ErrInconsistent, doubts[0])
	}
	s.Generations = GenerationsApproximate
	for _, d := range doubts {
		s.Warnings = append(s.Warnings, "generations are approximate: "+d)
	}
	return nil
}

// checkMap compares the map with the ids of the dump.
func (s *Snapshot) checkMap(m *genmap.Map, r *jvm.Result, o Options) error {
	s.Collector = m.Collector
	var doubts []string
	if r.Strays > 0 {
		doubts = append(doubts, fmt.Sprintf("%d of %d objects lie in no region of the map", r.Strays, r.Objects))
	}
	if r.Above > 0 {
		doubts = append(doubts, fmt.Sprintf("%d of %d objects lie above the top of their region", r.Above, r.Objects))
	}
	if err := s.doubt(doubts, o); err != nil {
		return err
	}
	if s.Generations != GenerationsApproximate {
		s.Generations = GenerationsExact
	}
	return nil
}

// fill copies what the engine has found.
func (s *Snapshot) fill(r *jvm.Result, o Options) {
	s.Time = r.Dump.Time
	s.Objects, s.Bytes = r.Objects, r.Bytes
	s.Reached = !o.Shallow
	s.LiveObjects, s.LiveBytes = r.LiveObjects, r.LiveBytes
	for _, c := range r.Classes {
		row := Class{Name: c.Name, Loader: c.Loader, Instances: c.Instances, ShallowBytes: c.Bytes, RetainedBytes: c.Retained}
		if s.Generations != GenerationsUnknown {
			old, young := Population(c.Old), Population(c.Young)
			row.Old, row.Young = &old, &young
		}
		s.Classes = append(s.Classes, row)
	}
	for _, h := range r.Holders {
		s.Holders = append(s.Holders, Holder{h.Label, h.Class, h.Static, h.Parent, h.Objects, h.Retained})
	}
	for _, l := range r.Loaders {
		s.Loaders = append(s.Loaders, Loader{l.Class, l.Instances, l.Classes, l.Retained})
	}
	for _, f := range r.Findings {
		s.Findings = append(s.Findings, Finding(f))
	}
	for _, p := range r.Paths {
		s.Paths = append(s.Paths, Path{p.Steps, p.Objects, p.Retained})
	}
	for _, e := range r.Damage {
		s.Warnings = append(s.Warnings, "damaged "+e.Error())
	}
	if r.Duplicates > 0 {
		s.Warnings = append(s.Warnings, fmt.Sprintf("%d objects have an id that another one has", r.Duplicates))
	}
	if r.Unreadable > 0 {
		s.Warnings = append(s.Warnings, fmt.Sprintf("%d objects are of classes that the dump does not describe; their size counts as 0", r.Unreadable))
	}
}
