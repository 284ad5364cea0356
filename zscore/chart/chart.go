// Package chart draws a series with the band that a detector expected and the
// alerts that a rule would have raised, as SVG, PNG and HTML.
package chart

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/go-analyze/charts"

	"github.com/clewhq/clew/zscore"
)

// Chart is one series. The zero Zone is UTC.
type Chart struct {
	Title  string
	Zone   *time.Location
	Points []Point // in the order of time
	Alerts []zscore.Alert
}

// Point is a value with the band in which it was expected; NaN is none.
type Point struct {
	Time             time.Time
	Value, Low, High float64
}

const (
	width, height = 1200, 400
	left, right   = 80, 20 // margins
	top, bottom   = 40, 40
	fontSize      = 11
	ticks         = 6
)

var (
	ink      = charts.ColorRGB(0x1f, 0x4e, 0x79)
	band     = charts.ColorRGB(0x1f, 0x4e, 0x79).WithAlpha(48)
	trouble  = charts.ColorRGB(0xc0, 0x39, 0x2b)
	shade    = charts.ColorRGB(0xc0, 0x39, 0x2b).WithAlpha(40)
	lines    = charts.ColorRGB(0xdd, 0xdd, 0xdd)
	textInk  = charts.ColorRGB(0x33, 0x33, 0x33)
	paper    = charts.ColorRGB(0xff, 0xff, 0xff)
	errEmpty = errors.New("a chart of no points")
)

// SVG writes the chart as a picture in SVG.
func (c *Chart) SVG(w io.Writer) error { return c.write(w, charts.ChartOutputSVG) }

// PNG writes the chart as a picture in PNG.
func (c *Chart) PNG(w io.Writer) error { return c.write(w, charts.ChartOutputPNG) }

func (c *Chart) write(w io.Writer, format string) error {
	b, err := c.render(format)
	if err != nil {
		return fmt.Errorf("draw %s: %w", c.Title, err)
	}
	_, err = w.Write(b)
	return err
}

func (c *Chart) render(format string) ([]byte, error) {
	v, err := newView(c)
	if err != nil {
		return nil, err
	}
	v.p = charts.NewPainter(charts.PainterOptions{OutputFormat: format, Width: width, Height: height})
	v.p.FilledRect(0, 0, width, height, paper, paper, 0)
	v.axes(c)
	for _, a := range c.Alerts {
		x1, x2 := v.x(a.Start), v.x(a.End)
		v.p.FilledRect(x1, top, max(x2, x1+1), height-bottom, shade, shade, 0)
	}
	v.curve(c.Points)
	for _, a := range c.Alerts {
		x := v.x(a.Start)
		v.p.LineStroke([]charts.Point{{X: x, Y: top - 6}, {X: x, Y: height - bottom}}, trouble, 1)
	}
	return v.p.Bytes()
}

// view maps times and values onto the picture.
type view struct {
	p        *charts.Painter
	from, to time.Time
	lo, hi   float64
}

func newView(c *Chart) (*view, error) {
	if len(c.Points) == 0 {
		return nil, errEmpty
	}
	v := &view{from: c.Points[0].Time, to: c.Points[len(c.Points)-1].Time, lo: math.Inf(1), hi: math.Inf(-1)}
	for _, p := range c.Points {
		if isNumber(p.Value) {
			v.lo, v.hi = min(v.lo, p.Value), max(v.hi, p.Value)
		}
	}
	switch {
	case v.lo > v.hi:
		v.lo, v.hi = 0, 1
	case v.lo == v.hi:
		d := max(math.Abs(v.lo)/10, 1)
		v.lo, v.hi = v.lo-d, v.hi+d
	}
	return v, nil
}

func isNumber(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

func (v *view) x(t time.Time) int {
	span := v.to.Sub(v.from).Seconds()
	if span <= 0 {
		return left
	}
	at := min(max(t.Sub(v.from).Seconds()/span, 0), 1)
	return left + int(at*(width-left-right))
}

func (v *view) y(value float64) int {
	// Halves, since the whole range may be more than a number holds.
	at := min(max((value/2-v.lo/2)/(v.hi/2-v.lo/2), 0), 1)
	return height - bottom - int(at*(height-top-bottom))
}

func (v *view) axes(c *Chart) {
	style := charts.NewFontStyleWithSize(fontSize)
	style.FontColor = textInk
	v.p.Text(c.Title, left, top-16, 0, style)
	zone := c.Zone
	if zone == nil {
		zone = time.UTC
	}
	layout := "15:04"
	if v.to.Sub(v.from) > 36*time.Hour {
		layout = "Jan 2 15:04"
	}
	for i := range ticks + 1 {
		value := v.lo + (v.hi-v.lo)*float64(i)/ticks
		y := v.y(value)
		v.p.LineStroke([]charts.Point{{X: left, Y: y}, {X: width - right, Y: y}}, lines, 1)
		label := strconv.FormatFloat(value, 'g', 4, 64)
		v.p.Text(label, left-8-v.p.MeasureText(label, 0, style).Width(), y+fontSize/2, 0, style)
		at := v.from.Add(time.Duration(float64(v.to.Sub(v.from)) * float64(i) / ticks))
		label = at.Round(time.Minute).In(zone).Format(layout)
		x := min(max(v.x(at)-v.p.MeasureText(label, 0, style).Width()/2, 0), width-v.p.MeasureText(label, 0, style).Width())
		v.p.Text(label, x, height-bottom+2*fontSize, 0, style)
	}
}

// column is what lies on one column of pixels.
type column struct{ first, last, lo, hi, low, high int }

// curve draws the band and the values. However many points there are, each column
// of pixels shows its smallest and its largest.
func (v *view) curve(points []Point) {
	var bands, values []charts.Point // of the stretch without a gap
	var lows []charts.Point
	flushBand := func() {
		for _, low := range slices.Backward(lows) {
			bands = append(bands, low)
		}
		if len(bands) > 2 {
			v.p.FillArea(append(bands, bands[0]), band)
		}
		bands, lows = nil, nil
	}
	flush := func() {
		if len(values) > 0 {
			v.p.LineStroke(append(values, values[len(values)-1]), ink, 1)
		}
		values = nil
	}
	for i := 0; i < len(points); {
		x := v.x(points[i].Time)
		col, n, banded := v.gather(points[i:], x)
		i += n
		if banded {
			bands, lows = append(bands, charts.Point{X: x, Y: col.high}), append(lows, charts.Point{X: x, Y: col.low})
		} else {
			flushBand()
		}
		if col.lo == 0 { // no value in this column
			flush()
			continue
		}
		values = append(values, charts.Point{X: x, Y: col.first}, charts.Point{X: x, Y: col.lo}, charts.Point{X: x, Y: col.hi}, charts.Point{X: x, Y: col.last})
	}
	flushBand()
	flush()
}

// gather takes the points of one column together, and says how many there are and
// whether they have a band. Pixels grow downwards: lo is the highest on the page.
func (v *view) gather(points []Point, x int) (col column, n int, banded bool) {
	for ; n < len(points) && v.x(points[n].Time) == x; n++ {
		p := points[n]
		if isNumber(p.Value) {
			y := v.y(p.Value)
			if col.lo == 0 {
				col.first, col.lo, col.hi = y, y, y
			}
			col.last, col.lo, col.hi = y, min(col.lo, y), max(col.hi, y)
		}
		if isNumber(p.Low) && isNumber(p.High) {
			low, high := v.y(p.Low), v.y(p.High)
			if !banded {
				col.low, col.high = low, high
			}
			col.low, col.high, banded = max(col.low, low), min(col.high, high), true
		}
	}
	return col, n, banded
}
