package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/clewhq/clew/zscore/alert"
)

// webhookVersion is raised when a member of [Document] changes its meaning.
const webhookVersion = 1

// Document is what a generic webhook is sent, and what a stream is written.
type Document struct {
	SchemaVersion int `json:"schema_version"`
	// Message grows from message to message; a second one of the same number is a
	// copy of the first, and MayRepeat says that there may be one.
	Message   uint64     `json:"message"`
	MayRepeat bool       `json:"may_repeat,omitempty"`
	Digest    bool       `json:"digest,omitempty"`
	Text      string     `json:"text"`
	Notices   []NoticeOf `json:"notices"`
	Sent      time.Time  `json:"sent"`
}

// NoticeOf is one notice of a [Document].
type NoticeOf struct {
	alert.Notice

	// Text says it in a line.
	Text string `json:"text"`
}

func document(b alert.Batch) Document {
	notices := b.Notices()
	d := Document{SchemaVersion: webhookVersion, Message: b.Seq(), MayRepeat: b.MayRepeat(), Digest: b.Digest, Sent: time.Now().UTC()}
	for _, n := range notices {
		d.Notices = append(d.Notices, NoticeOf{n, line(n)})
	}
	d.Text = tally(notices)
	if len(notices) == 1 {
		d.Text = d.Notices[0].Text
	}
	return d
}

// line says a notice in a line without markup.
func line(n alert.Notice) string {
	text := mark(n.Kind) + " " + what(n)
	if n.Kind == alert.Note {
		return clean(text, maxLine)
	}
	if n.Incident.Series != "" {
		text += " " + n.Incident.Series
	}
	if n.Kind != alert.Resolved {
		text += ": " + figures(n.Incident)
	}
	return clean(text, 2*maxLine) + " [" + n.Incident.ID + "]"
}

// Webhook posts each message as JSON to a URL, which may hold a secret.
type Webhook struct {
	URL    Secret
	Client *http.Client
}

// Send implements [Receiver]. There is no plainer form than JSON, so a body that
// is refused is refused for good.
func (w *Webhook) Send(ctx context.Context, b alert.Batch) alert.Outcome {
	body, err := json.Marshal(document(b))
	if err != nil {
		return alert.Outcome{Result: alert.Gone, Why: err.Error()}
	}
	target, err := w.URL.Read()
	if err == nil {
		err = checkURL(target)
	}
	if err != nil {
		return alert.Outcome{Result: alert.Gone, Why: fmt.Sprintf("URL in %s: %v", w.URL, err)}
	}
	got, sent, err := post(ctx, w.Client, target, nil, body)
	if err != nil {
		return unsent(err, sent)
	}
	o := judge(got, time.Now())
	if o.Result == alert.Malformed {
		o.Result = alert.Gone
	}
	if o.Result != alert.Delivered {
		o.Why = fmt.Sprintf("%d %s", got.status, http.StatusText(got.status)) // its words may repeat the URL
	}
	return o
}
