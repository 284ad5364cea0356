package report

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/clewhq/clew/heapdiff"
)

// schemaVersion is raised when a member changes its meaning or goes away, not
// when one is added.
const schemaVersion = 1

type jsonReport struct {
	SchemaVersion int                `json:"schema_version"`
	Kind          heapdiff.Kind      `json:"kind"`
	Verdict       string             `json:"verdict"`
	Snapshots     []jsonSnapshot     `json:"snapshots"`
	Classes       []jsonClass        `json:"classes"`
	Suspects      []jsonSuspect      `json:"suspects"`
	Findings      []heapdiff.Finding `json:"findings"`
	Loaders       []heapdiff.Loader  `json:"loaders,omitempty"` // of the newest snapshot
	Paths         []heapdiff.Path    `json:"paths,omitempty"`
	Warnings      []string           `json:"warnings"`
}

type jsonSnapshot struct {
	Source      string               `json:"source"`
	Time        string               `json:"time"` // empty when the format does not tell
	Objects     int64                `json:"objects"`
	Bytes       int64                `json:"bytes"`
	LiveObjects *int64               `json:"live_objects,omitempty"`
	LiveBytes   *int64               `json:"live_bytes,omitempty"`
	Generations heapdiff.Generations `json:"generations"`
	Collector   string               `json:"collector,omitempty"`
	Warnings    []string             `json:"warnings"`
}

type jsonClass struct {
	Name      string        `json:"name"`
	Loader    string        `json:"loader,omitempty"`
	Growth    int64         `json:"growth_bytes"`
	Snapshots []jsonClassAt `json:"snapshots"`
}

type jsonClassAt struct {
	Instances     int64  `json:"instances"`
	ShallowBytes  int64  `json:"shallow_bytes"`
	RetainedBytes *int64 `json:"retained_bytes,omitempty"`
	// Allocated since the program began, where a profile counts it.
	AllocatedObjects *int64          `json:"allocated_objects,omitempty"`
	AllocatedBytes   *int64          `json:"allocated_bytes,omitempty"`
	Old              *jsonPopulation `json:"old,omitempty"`
	Young            *jsonPopulation `json:"young,omitempty"`
}

// jsonPopulation counts instances. Live and dead are missing where it is not
// known which is which.
type jsonPopulation struct {
	All   int64  `json:"all"`
	Bytes int64  `json:"bytes"`
	Live  *int64 `json:"live,omitempty"`
	Dead  *int64 `json:"dead,omitempty"`
}

type jsonSuspect struct {
	Holder        string   `json:"holder"`
	Path          []string `json:"path"`
	Class         string   `json:"class"`
	RetainedBytes []int64  `json:"retained_bytes"`
	Score         float64  `json:"score"`
	Reason        string   `json:"reason"`
}

// JSON writes the comparison as one JSON object on a line.
func JSON(w io.Writer, d *heapdiff.Delta, o Options) error {
	r := jsonReport{
		SchemaVersion: schemaVersion, Kind: d.Kind, Verdict: d.Verdict,
		Snapshots: []jsonSnapshot{}, Classes: []jsonClass{}, Suspects: []jsonSuspect{},
		Findings: append([]heapdiff.Finding{}, d.Findings...), Warnings: append([]string{}, d.Warnings...),
	}
	for _, s := range d.Snapshots {
		r.Snapshots = append(r.Snapshots, jsonSnapshotOf(s))
		r.Loaders, r.Paths = s.Loaders, s.Paths
	}
	for _, c := range o.classes(d) {
		row := jsonClass{Name: c.Name, Loader: c.Loader, Growth: c.Growth()}
		for i := range c.At {
			row.Snapshots = append(row.Snapshots, jsonClassOf(&c.At[i], d.Snapshots[i], o))
		}
		r.Classes = append(r.Classes, row)
	}
	for _, s := range o.suspects(d) {
		r.Suspects = append(r.Suspects, jsonSuspect{s.Holder, append([]string{}, s.Path...), s.Class, s.RetainedBytes, s.Score, s.Reason})
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

func jsonSnapshotOf(s *heapdiff.Snapshot) jsonSnapshot {
	out := jsonSnapshot{
		Source: s.Source, Objects: s.Objects, Bytes: s.Bytes,
		Generations: s.Generations, Collector: s.Collector, Warnings: append([]string{}, s.Warnings...),
	}
	if !s.Time.IsZero() {
		out.Time = s.Time.UTC().Format(time.RFC3339Nano)
	}
	if s.Reached {
		out.LiveObjects, out.LiveBytes = &s.LiveObjects, &s.LiveBytes
	}
	return out
}

func jsonClassOf(c *heapdiff.Class, s *heapdiff.Snapshot, o Options) jsonClassAt {
	at := jsonClassAt{Instances: c.Instances, ShallowBytes: c.ShallowBytes}
	if o.Retained && s.Reached {
		at.RetainedBytes = &c.RetainedBytes
	}
	if c.Sample != nil && s.Sampling != nil && s.Sampling.Allocations {
		at.AllocatedObjects, at.AllocatedBytes = &c.Sample.AllocatedObjects, &c.Sample.AllocatedBytes
	}
	at.Old, at.Young = jsonPopulationOf(c.Old, s), jsonPopulationOf(c.Young, s)
	return at
}

func jsonPopulationOf(p *heapdiff.Population, s *heapdiff.Snapshot) *jsonPopulation {
	if p == nil {
		return nil
	}
	out := &jsonPopulation{All: p.Instances(), Bytes: p.Bytes()}
	if s.Reached {
		out.Live, out.Dead = &p.Live, &p.Dead
	}
	return out
}
