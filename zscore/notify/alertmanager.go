package notify

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"time"

	"github.com/clewhq/clew/zscore/alert"
)

// AlertmanagerResend is how often an open incident is told to an Alertmanager,
// which keeps alerts in memory only, and which ends those that it no longer hears
// of: after four times this.
const AlertmanagerResend = time.Minute

// Alertmanager posts incidents to /api/v2/alerts of an Alertmanager, as
// Prometheus does: the rule is the label alertname.
type Alertmanager struct {
	URL    string // base URL
	Client *http.Client
	Style  Style
}

type amAlert struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

// Send implements [Receiver]. Notes are no alerts, and are not sent.
func (a *Alertmanager) Send(ctx context.Context, b alert.Batch) alert.Outcome {
	alerts := []amAlert{}
	for _, n := range b.Notices() {
		if n.Kind != alert.Note {
			alerts = append(alerts, a.convert(n))
		}
	}
	if len(alerts) == 0 {
		return alert.Outcome{Result: alert.Delivered}
	}
	body, err := json.Marshal(alerts)
	if err != nil {
		return alert.Outcome{Result: alert.Gone, Why: err.Error()}
	}
	got, sent, err := post(ctx, a.Client, a.URL+"/api/v2/alerts", nil, body)
	if err != nil {
		return unsent(err, sent)
	}
	o := judge(got, time.Now())
	if o.Result == alert.Malformed {
		o.Result = alert.Gone
	}
	return o
}

func (a *Alertmanager) convert(n alert.Notice) amAlert {
	i := n.Incident
	out := amAlert{
		Labels: map[string]string{}, StartsAt: i.Start, GeneratorURL: a.Style.Page,
		EndsAt:      n.At.Add(4 * AlertmanagerResend),
		Annotations: map[string]string{"summary": what(n), "description": i.Reason, "incident": i.ID},
	}
	maps.Copy(out.Labels, i.Labels)
	if name := out.Labels["__name__"]; name != "" {
		// Alertmanager takes the metric's name for an ordinary label.
		delete(out.Labels, "__name__")
		out.Labels["metric"] = name
	}
	out.Labels["alertname"] = i.Rule
	if i.Severity != "" {
		out.Labels["severity"] = i.Severity
	}
	out.Labels["direction"] = i.Direction
	for name, v := range map[string]alert.Number{"value": i.Value, "expected": i.Expected} {
		if v.Known() {
			out.Annotations[name] = v.String()
		}
	}
	if i.Z.Known() {
		out.Annotations["z"] = signed(i.Z)
	}
	if n.Kind == alert.Resolved {
		out.EndsAt = i.Ended
	}
	return out
}
