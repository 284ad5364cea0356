// Package histogram reads the class histograms that jmap -histo and jcmd
// GC.class_histogram print.
package histogram

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Row is one class.
type Row struct {
	Class     string // as in Java source: "byte[]", "java.lang.String"
	Module    string // with its version, such as "java.base@17.0.15"; may be empty
	Instances int64
	Bytes     int64
}

// Histogram is one output of the tools.
type Histogram struct {
	Rows []Row
	// Whole says that the line with the total was there, and agrees with the rows.
	Whole bool
}

var (
	heading = regexp.MustCompile(`(?m)^\s*num\s+#instances\s+#bytes\s+class name`)
	row     = regexp.MustCompile(`^\s*\d+:\s+(\d+)\s+(\d+)\s+(\S+)(?:\s+\(([^()]*)\))?\s*$`)
	total   = regexp.MustCompile(`^Total\s+(\d+)\s+(\d+)\s*$`)
	rule    = regexp.MustCompile(`^-+$`)
)

// headSize is how far into a file its heading may stand: jcmd prints the
// process's number first.
const headSize = 4096

// Sniff reports whether data is a class histogram.
func Sniff(data []byte) bool { return heading.Match(data[:min(len(data), headSize)]) }

// Parse reads a histogram. Without the last line, or with one that contradicts
// the rows, it is not whole; the error names the line that is no row.
func Parse(data []byte) (*Histogram, error) {
	at := heading.FindIndex(data)
	if at == nil {
		return nil, errors.New("no line with num, #instances, #bytes, class name")
	}
	n := 1 + bytes.Count(data[:at[1]], []byte("\n"))
	_, body, _ := bytes.Cut(data[at[1]:], []byte("\n"))
	h := &Histogram{}
	var instances, size int64
	for line := range bytes.Lines(body) {
		n++
		text := strings.TrimRight(string(line), "\r\n")
		if strings.TrimSpace(text) == "" || rule.MatchString(text) {
			continue
		}
		if m := total.FindStringSubmatch(text); m != nil {
			h.Whole = m[1] == strconv.FormatInt(instances, 10) && m[2] == strconv.FormatInt(size, 10)
			return h, nil
		}
		m := row.FindStringSubmatch(text)
		if m == nil {
			return h, fmt.Errorf("line %d: %q is no row of a histogram", n, cut(text))
		}
		count, err1 := strconv.ParseInt(m[1], 10, 64)
		held, err2 := strconv.ParseInt(m[2], 10, 64)
		if err1 != nil || err2 != nil || count > maxCount || held > maxCount {
			return h, fmt.Errorf("line %d: a heap has no such number", n)
		}
		instances, size = instances+count, size+held
		h.Rows = append(h.Rows, Row{Class: ClassName(m[3]), Module: m[4], Instances: count, Bytes: held})
	}
	return h, nil
}

// maxCount bounds a number, so that sums of them stay numbers.
const maxCount = 1 << 50

func cut(s string) string { return s[:min(len(s), 60)] }

var primitives = map[byte]string{
	'Z': "boolean", 'B': "byte", 'C': "char", 'S': "short", 'I': "int", 'J': "long", 'F': "float", 'D': "double",
}

// ClassName turns the JVM's name of an array into that of the language.
func ClassName(name string) string {
	element := strings.TrimLeft(name, "[")
	dims := len(name) - len(element)
	if dims == 0 || element == "" {
		return name
	}
	if inner, ok := strings.CutPrefix(element, "L"); ok && strings.HasSuffix(inner, ";") {
		element = strings.TrimSuffix(inner, ";")
	} else if p, ok := primitives[element[0]]; ok && len(element) == 1 {
		element = p
	} else {
		return name
	}
	return element + strings.Repeat("[]", dims)
}
