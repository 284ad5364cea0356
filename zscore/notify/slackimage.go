package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/clewhq/clew/zscore"
	"github.com/clewhq/clew/zscore/alert"
	"github.com/clewhq/clew/zscore/chart"
)

// fileAnswer is what Slack says when it is asked where to put a file.
type fileAnswer struct {
	OK     bool   `json:"ok"`
	Error  string `json:"error"`
	URL    string `json:"upload_url"` // whoever has it may write there
	FileID string `json:"file_id"`
}

// illustrate puts a chart of the incident into the thread of its message. That the
// message is there already is what counts: the error is only to be told.
func (s *SlackBot) illustrate(ctx context.Context, i alert.Incident, at receipt) error {
	picture, err := draw(i, s.Style)
	if err != nil || picture == nil {
		return err
	}
	token, err := s.Token.Read()
	if err != nil {
		return err
	}
	header := http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/x-www-form-urlencoded"}}
	title := i.Rule + " " + i.Series
	form := url.Values{"filename": {i.ID + ".png"}, "length": {strconv.Itoa(len(picture))}, "alt_txt": {clean(title, 200)}}
	const begin, end = "files.getUploadURLExternal", "files.completeUploadExternal"
	raw, _, err := post(ctx, s.Client, s.API+"/"+begin, header, []byte(form.Encode()))
	if err != nil {
		return fmt.Errorf("%s: %w", begin, err)
	}
	var place fileAnswer
	if err := json.Unmarshal(raw.body, &place); err != nil || raw.status != http.StatusOK {
		return fmt.Errorf("%s: it answers %d, and no JSON", begin, raw.status)
	}
	if !place.OK {
		return fmt.Errorf("%s: %s", begin, clean(place.Error, 100))
	}
	if err := checkURL(place.URL); err != nil {
		return fmt.Errorf("%s: the place for the file: %w", begin, err)
	}
	if raw, _, err = post(ctx, s.Client, place.URL, http.Header{"Content-Type": {"image/png"}}, picture); err != nil {
		return fmt.Errorf("upload the chart: %w", err)
	}
	if raw.status != http.StatusOK {
		return fmt.Errorf("upload the chart: %d %s", raw.status, http.StatusText(raw.status))
	}
	type file struct {
		ID    string `json:"id"`
		Title string `json:"title"`
	}
	body, err := json.Marshal(struct {
		Files    []file `json:"files"`
		Channel  string `json:"channel_id"`
		ThreadTS string `json:"thread_ts"`
	}{[]file{{place.FileID, clean(title, 200)}}, at.Channel, at.TS})
	if err != nil {
		return err
	}
	if _, o := s.request(ctx, end, body); o.Result != alert.Delivered {
		return fmt.Errorf("%s: %s", end, o.Why)
	}
	return nil
}

// draw makes the picture of the values before an incident fired, as PNG; nil if
// there are too few, or their times are not known.
func draw(i alert.Incident, s Style) ([]byte, error) {
	n := len(i.Recent)
	if n < 2 || i.Step <= 0 || len(i.Low) != n || len(i.High) != n {
		return nil, nil
	}
	c := &chart.Chart{Title: i.Rule, Zone: s.Zone, Alerts: []zscore.Alert{{Start: i.Start, End: i.Fired}}}
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	for k, v := range i.Recent {
		at := i.Fired.Add(-time.Duration(n-1-k) * i.Step)
		c.Points = append(c.Points, chart.Point{Time: at, Value: number(v), Low: number(i.Low[k]), High: number(i.High[k])})
	}
	var b bytes.Buffer
	if err := c.PNG(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// number is NaN where there is none.
func number(n alert.Number) float64 {
	if !n.Known() {
		return math.NaN()
	}
	return float64(n)
}
