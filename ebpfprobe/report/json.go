package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// JSON writes the report as one line, [SchemaVersion] first. Lists that have
// nothing in them are there, and empty, where the contract names them.
func JSON(w io.Writer, r *Report) error {
	c := *r
	c.SchemaVersion = SchemaVersion
	c.Servers = append([]Server{}, r.Servers...)
	for i := range c.Servers {
		s := &c.Servers[i]
		if s.Commands == nil {
			s.Commands = []Command{}
		}
		if s.Blame == nil {
			s.Blame = []Blame{}
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // a terminal and jq read it, not a browser
	if err := enc.Encode(&c); err != nil {
		return fmt.Errorf("encode JSON: %w", err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}
