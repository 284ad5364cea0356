package source

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Point is one value of a series. A gap in the series, an empty field or a word
// such as NaN or null, is a Point whose Value is NaN.
type Point struct {
	Time  time.Time
	Value float64
	// TimeText and ValueText are the fields as they stood in the input.
	TimeText, ValueText string
}

// SyntaxError says where an input cannot be understood.
type SyntaxError struct {
	Line int // from 1
	Msg  string
}

// Error begins with the line.
func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Msg) }

// missing are the words that programs write where there is no value.
var missing = []string{"", "nan", "null", "na", "n/a", "none"}

// timeLayouts are tried in turn. A time without a zone is taken for UTC.
var timeLayouts = []string{time.RFC3339, time.DateTime, "2006-01-02T15:04:05"}

// CSV reads points from comma-separated values with a header line that names the
// columns timestamp and value; other columns are passed over. Times are RFC 3339,
// or "2006-01-02 15:04:05" for UTC; both with or without fractions of a second.
//
// A record that is not understood is yielded as a *SyntaxError in the place of a
// point, and the caller decides whether to go on; any other error is the last.
func CSV(r io.Reader) iter.Seq2[Point, error] {
	return func(yield func(Point, error) bool) {
		in := csv.NewReader(r)
		in.ReuseRecord = true
		at, value, err := header(in)
		if err != nil {
			yield(Point{}, err)
			return
		}
		for {
			record, err := in.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			var p Point
			if err == nil {
				line, _ := in.FieldPos(0)
				p, err = point(line, record[at], record[value])
			}
			err, fatal := place(err)
			if !yield(p, err) || fatal {
				return
			}
		}
	}
}

// header finds the two columns.
func header(in *csv.Reader) (at, value int, err error) {
	names, err := in.Read()
	if errors.Is(err, io.EOF) {
		return 0, 0, &SyntaxError{1, `no header: the first line names the columns, "timestamp,value"`}
	}
	if err, _ := place(err); err != nil {
		return 0, 0, err
	}
	names[0] = strings.TrimPrefix(names[0], "\ufeff") // spreadsheets write it
	column := func(want string) int {
		return slices.IndexFunc(names, func(name string) bool { return strings.EqualFold(strings.TrimSpace(name), want) })
	}
	at, value = column("timestamp"), column("value")
	if at < 0 || value < 0 {
		return 0, 0, &SyntaxError{1, fmt.Sprintf(`the header is %q: it must name the columns "timestamp" and "value"`, strings.Join(names, ","))}
	}
	return at, value, nil
}

// place turns the csv package's errors into ours; what is left is of the reader.
func place(err error) (_ error, fatal bool) {
	var syntax *SyntaxError
	var malformed *csv.ParseError
	switch {
	case err == nil, errors.As(err, &syntax):
		return err, false
	case errors.As(err, &malformed):
		return &SyntaxError{malformed.Line, malformed.Err.Error()}, false
	}
	return err, true
}

func point(line int, at, value string) (Point, error) {
	p := Point{TimeText: strings.Clone(at), ValueText: strings.Clone(value)}
	t, err := parseTime(at)
	if err != nil {
		return p, &SyntaxError{line, fmt.Sprintf(`timestamp %q: want one like "2006-01-02T15:04:05+09:00" or "2006-01-02 15:04:05"`, at)}
	}
	p.Time = t
	value = strings.TrimSpace(value)
	if slices.Contains(missing, strings.ToLower(value)) {
		p.Value = math.NaN()
		return p, nil
	}
	p.Value, err = strconv.ParseFloat(value, 64)
	if err != nil {
		return p, &SyntaxError{line, fmt.Sprintf("value %q is not a number", value)}
	}
	return p, nil
}

func parseTime(s string) (time.Time, error) {
	s = strings.TrimSpace(s)
	var first error
	for _, layout := range timeLayouts {
		t, err := time.Parse(layout, s)
		if err == nil {
			return t, nil
		}
		if first == nil {
			first = err
		}
	}
	return time.Time{}, first
}
