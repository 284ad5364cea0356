package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// WriteJSON writes v, which must encode as a JSON object, on one line with the
// member "schema_version" before its own. The version is raised when a member
// changes its meaning or goes away, not when one is added.
func WriteJSON(w io.Writer, version int, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // a terminal and jq read it, not a browser
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encode JSON: %w", err)
	}
	object, ok := bytes.CutPrefix(b.Bytes(), []byte("{"))
	if !ok {
		return fmt.Errorf("encode JSON: %T is not an object", v)
	}
	head := fmt.Appendf(nil, `{"schema_version":%d`, version)
	if object[0] != '}' {
		head = append(head, ',')
	}
	if _, err := w.Write(append(head, object...)); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}
