package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/clewhq/clew/zscore/alert"
)

// SlackWebhook sends to the channel of an incoming webhook. The webhook's answer
// names no message, so a resolve is a message of its own; the incident's id ties
// the two together.
type SlackWebhook struct {
	URL    Secret
	Client *http.Client
	Style  Style
}

// Send implements [Receiver].
func (s *SlackWebhook) Send(ctx context.Context, b alert.Batch) alert.Outcome {
	body, err := SlackPayload(b, s.Style)
	if err != nil {
		return alert.Outcome{Result: alert.Malformed, Why: err.Error()}
	}
	target, err := s.URL.Read()
	if err == nil {
		err = checkURL(target)
	}
	if err != nil {
		return alert.Outcome{Result: alert.Gone, Why: fmt.Sprintf("webhook in %s: %v", s.URL, err)}
	}
	got, sent, err := post(ctx, s.Client, target, nil, body)
	if err != nil {
		return unsent(err, sent)
	}
	o := judge(got, time.Now())
	if strings.Contains(o.Why, target) {
		o.Why = fmt.Sprintf("%d, with an answer that repeats the webhook", got.status)
	}
	return o
}

// SlackAPI is where a bot's calls go.
const SlackAPI = "https://slack.com/api"

// Receipts keep what a receiver calls a message it was sent.
type Receipts interface {
	Receipt(key string) string
	KeepReceipt(key, value string) error
}

// SlackBot sends as a bot with the scope chat:write. A resolve goes into the
// thread of the message that told the incident, and that message is edited to
// say that it is over. With Images, for which it needs files:write, a chart goes
// into the thread too.
type SlackBot struct {
	Token    Secret
	Channel  string
	API      string // SlackAPI, unless a test says otherwise
	Client   *http.Client
	Style    Style
	Receipts Receipts
	Images   bool
}

// slackAnswer is what the Web API says of every call.
type slackAnswer struct {
	OK      bool   `json:"ok"`
	Error   string `json:"error"`
	TS      string `json:"ts"`
	Channel string `json:"channel"`
}

// receipt is where a message is.
type receipt struct {
	Channel string `json:"channel"`
	TS      string `json:"ts"`
}

func receiptKey(incident string) string { return "slack/" + incident }

// Send implements [Receiver].
func (s *SlackBot) Send(ctx context.Context, b alert.Batch) alert.Outcome {
	p := payload(b, s.Style)
	p.Channel = s.Channel
	notices := b.Notices()
	told, known := receipt{}, false
	if len(notices) == 1 && notices[0].Kind != alert.Firing {
		told, known = s.told(notices[0].Incident.ID)
		p.ThreadTS = told.TS
	}
	got, o := s.call(ctx, "chat.postMessage", p)
	if o.Result != alert.Delivered {
		return o
	}
	if len(notices) == 1 && notices[0].Kind == alert.Firing {
		at := receipt{got.Channel, got.TS}
		s.keep(notices[0].Incident.ID, at)
		if s.Images && !b.Plain() {
			if err := s.illustrate(ctx, notices[0].Incident, at); err != nil {
				o.Why = "without its chart: " + err.Error()
			}
		}
	}
	if known && notices[0].Kind == alert.Resolved {
		// The thread has the news; an edit that fails costs only the colour of the head.
		_, _ = s.call(ctx, "chat.update", slackPayload{Channel: told.Channel, TS: told.TS, Text: p.Text, Blocks: p.Blocks})
	}
	return o
}

func (s *SlackBot) told(incident string) (r receipt, known bool) {
	known = incident != "" && json.Unmarshal([]byte(s.Receipts.Receipt(receiptKey(incident))), &r) == nil && r.TS != ""
	return r, known
}

// keep remembers the message. Without that a resolve is a message of its own, as
// with a webhook; so its failure is not the message's.
func (s *SlackBot) keep(incident string, r receipt) {
	if raw, err := json.Marshal(r); err == nil && r.TS != "" {
		_ = s.Receipts.KeepReceipt(receiptKey(incident), string(raw))
	}
}

// call makes one call of the Web API.
func (s *SlackBot) call(ctx context.Context, method string, p slackPayload) (slackAnswer, alert.Outcome) {
	body, err := json.Marshal(p)
	if err != nil {
		return slackAnswer{}, alert.Outcome{Result: alert.Malformed, Why: err.Error()}
	}
	return s.request(ctx, method, body)
}

func (s *SlackBot) request(ctx context.Context, method string, body []byte) (slackAnswer, alert.Outcome) {
	token, err := s.Token.Read()
	if err != nil {
		return slackAnswer{}, alert.Outcome{Result: alert.Gone, Why: fmt.Sprintf("token in %s: %v", s.Token, err)}
	}
	raw, sent, err := post(ctx, s.Client, s.API+"/"+method, http.Header{"Authorization": {"Bearer " + token}}, body)
	if err != nil {
		return slackAnswer{}, unsent(err, sent)
	}
	var got slackAnswer
	o := judge(raw, time.Now())
	if o.Result != alert.Delivered {
		return got, o
	}
	if err := json.Unmarshal(raw.body, &got); err != nil {
		return got, alert.Outcome{Result: alert.Later, Unknown: true, Why: method + ": the answer is no JSON"}
	}
	if !got.OK {
		return got, refused(method, clean(got.Error, 100))
	}
	return got, o
}

// refused is the outcome that an error of the Web API stands for.
func refused(method, why string) alert.Outcome {
	o := alert.Outcome{Result: alert.Gone, Why: method + ": " + why}
	switch why {
	case "ratelimited", "rate_limited":
		o.Result, o.Limited, o.After = alert.Later, true, leastPause+pauseMargin
	case "internal_error", "fatal_error", "service_unavailable", "request_timeout":
		o.Result = alert.Later
	case "invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long", "no_text", "invalid_arguments", "thread_not_found":
		o.Result = alert.Malformed
	}
	return o
}
