package source

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"time"
)

// JSONLines reads samples, one JSON object a line:
//
//	{"metric": "rps", "labels": {"route": "/pay"}, "timestamp": "2026-11-22T09:00:00+09:00", "value": 12.5}
//
// The timestamp is RFC 3339 text or a number of seconds since 1970; the value is
// a number, null, or one of the words "NaN", "+Inf" and "-Inf". type may be gauge,
// counter or delta. A key of another name is an error. Empty lines are passed
// over.
//
// A line that is not understood is yielded as a *SyntaxError, and the caller
// decides whether to go on; any other error is the last.
func JSONLines(r io.Reader) iter.Seq2[Sample, error] {
	return func(yield func(Sample, error) bool) {
		in := bufio.NewScanner(r)
		in.Buffer(make([]byte, 0, 4096), maxLine)
		line := 0
		for in.Scan() {
			line++
			text := bytes.TrimSpace(in.Bytes())
			if len(text) == 0 {
				continue
			}
			s, err := jsonSample(text)
			if err != nil {
				err = &SyntaxError{line, err.Error()}
			}
			if !yield(s, err) {
				return
			}
		}
		if err := in.Err(); errors.Is(err, bufio.ErrTooLong) {
			yield(Sample{}, &SyntaxError{line + 1, fmt.Sprintf("longer than %d bytes", maxLine)})
		} else if err != nil {
			yield(Sample{}, err)
		}
	}
}

const maxLine = 1 << 20

type jsonLine struct {
	Metric    string            `json:"metric"`
	Labels    map[string]string `json:"labels"`
	Timestamp json.RawMessage   `json:"timestamp"`
	Value     json.RawMessage   `json:"value"`
	Type      string            `json:"type"`
}

func jsonSample(text []byte) (Sample, error) {
	var l jsonLine
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return Sample{}, fmt.Errorf("not a sample in JSON: %w", err)
	}
	if d.More() {
		return Sample{}, errors.New("more than one JSON object: want one a line")
	}
	labels := make([]Label, 0, len(l.Labels)+1)
	for name, value := range l.Labels {
		labels = append(labels, Label{name, value})
	}
	s := Sample{}
	if s.Labels = NewLabels(append(labels, Label{NameLabel, l.Metric})...); s.Labels == noLabels {
		return s, errors.New("neither metric nor labels: nothing tells which series it is")
	}
	var err error
	if s.Time, err = jsonTime(l.Timestamp); err != nil {
		return s, err
	}
	if s.Value, err = jsonValue(l.Value); err != nil {
		return s, err
	}
	switch l.Type {
	case "":
	case Gauge.String():
		s.Type = Gauge
	case Counter.String():
		s.Type = Counter
	case Delta.String():
		s.Type = Delta
	default:
		return s, fmt.Errorf("type %q: want gauge, counter or delta", l.Type)
	}
	return s, nil
}

func jsonTime(raw json.RawMessage) (time.Time, error) {
	var text string
	var seconds float64
	switch {
	case json.Unmarshal(raw, &text) == nil && text != "":
		if t, err := parseTime(text); err == nil {
			return t, nil
		}
	case json.Unmarshal(raw, &seconds) == nil && string(raw) != "null" && math.Abs(seconds) < 1e11:
		whole, part := math.Modf(seconds)
		return time.Unix(int64(whole), int64(math.Round(part*1e6))*1e3).UTC(), nil
	}
	return time.Time{}, fmt.Errorf(`timestamp %.50s: want "2006-01-02T15:04:05+09:00" or seconds since 1970`, orNone(raw))
}

func jsonValue(raw json.RawMessage) (float64, error) {
	var v *float64
	var word string
	switch {
	case len(raw) == 0:
	case json.Unmarshal(raw, &v) == nil:
		if v == nil {
			return none, nil
		}
		return *v, nil
	case json.Unmarshal(raw, &word) == nil:
		switch word {
		case "NaN":
			return none, nil
		case "+Inf", "Inf":
			return math.Inf(1), nil
		case "-Inf":
			return math.Inf(-1), nil
		}
	}
	return 0, fmt.Errorf("value %.50s: want a number, null or NaN", orNone(raw))
}

func orNone(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "is missing"
	}
	return string(raw)
}
