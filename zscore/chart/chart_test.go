package chart

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/clewhq/clew/zscore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func example(title string, points int) *Chart {
	c := &Chart{Title: title}
	for i := range points {
		v := 100 + 10*math.Sin(float64(i)/50)
		if i == points/2 {
			v = 500
		}
		if i == points/3 {
			v = math.NaN()
		}
		c.Points = append(c.Points, Point{noon.Add(time.Duration(i) * 15 * time.Second), v, v - 20, v + 20})
	}
	at := c.Points[points/2].Time
	c.Alerts = []zscore.Alert{{Start: at, End: at.Add(time.Minute), Direction: zscore.Up}}
	return c
}

func TestSVG(t *testing.T) {
	for _, points := range []int{1, 2, 100, 50_000} {
		var b bytes.Buffer
		if err := example(`rps{route="<script>alert(1)</script>"}`, points).SVG(&b); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), "<script") {
			t.Fatal("the title is markup")
		}
		if b.Len() > 400_000 {
			t.Errorf("%d points take %d bytes: want as many as there are pixels", points, b.Len())
		}
		d := xml.NewDecoder(&b)
		n := 0
		for {
			_, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%d points: no XML: %v", points, err)
			}
			n++
		}
		if n < 20 {
			t.Errorf("%d points: %d tokens", points, n)
		}
	}
}

// TestPNG looks for the alert's shade and the curve where they belong.
func TestPNG(t *testing.T) {
	var b bytes.Buffer
	c := example("rps", 1000)
	if err := c.PNG(&b); err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	if img.Bounds().Dx() != width || img.Bounds().Dy() != height {
		t.Fatalf("a picture of %v, want %d by %d", img.Bounds(), width, height)
	}
	v, err := newView(c)
	if err != nil {
		t.Fatal(err)
	}
	reds := 0
	for y := top; y < height-bottom; y++ {
		r, g, _, _ := img.At(v.x(c.Alerts[0].Start)+1, y).RGBA()
		if r > g+0x0800 {
			reds++
		}
	}
	if reds < (height-top-bottom)/2 {
		t.Errorf("%d red pixels where the alert is", reds)
	}
}

func TestHTML(t *testing.T) {
	var b bytes.Buffer
	charts := []*Chart{example("one", 50), {Title: "two", Points: example("", 3).Points}}
	err := HTML(&b, "Back<test>", "2 alerts", charts, func(*Chart, int) string { return "500 where 100 was <expected>" })
	if err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{"Back&lt;test&gt;", "2 alerts", "500 where 100 was &lt;expected&gt;", "No alert.", `class="up"`, "2026-11-22 12:06:15 UTC"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Count(page, "<svg") != 2 {
		t.Errorf("%d pictures, want 2", strings.Count(page, "<svg"))
	}
}

func TestNoPoints(t *testing.T) {
	if err := (&Chart{Title: "x"}).PNG(io.Discard); !errors.Is(err, errEmpty) {
		t.Errorf("err = %v, want %v", err, errEmpty)
	}
	flat := &Chart{Points: []Point{{Time: noon, Value: math.NaN(), Low: math.NaN()}, {Time: noon.Add(time.Hour), Value: math.Inf(1)}}}
	if err := flat.SVG(io.Discard); err != nil {
		t.Errorf("without a value: %v", err)
	}
}
