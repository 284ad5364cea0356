package alert

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// keepEnded is how long ended incidents stay in the book, and keepMany how many
// at most.
const (
	keepEnded = 7 * 24 * time.Hour
	keepMany  = 1000
)

// Book holds incidents, silences and the outbox. Its methods may be called by
// several goroutines.
type Book struct {
	store Store
	log   *slog.Logger

	mu        sync.Mutex
	config    Config
	incidents map[string]*Incident
	open      map[string]string // key to id
	silences  map[string]*Silence
	outbox    map[uint64]*Entry
	holds     map[string]*Hold
	nextSeq   uint64
	lastSent  map[string]time.Time // by group, for the group interval
	wake      map[string]chan struct{}
	dirty     dirty
	storeErr  error
	count     Counts
}

// Counts are what a book has done since it was opened.
type Counts struct {
	Fired, Resolved, Held                   uint64
	Delivered, Retried, FellOver, GaveUp    uint64
	Limited, Refused, Digests, MayHaveTwice uint64
}

// Open loads a book from its store.
func Open(store Store, c Config, log *slog.Logger) (*Book, error) {
	s, err := store.Load()
	if err != nil {
		return nil, err
	}
	b := &Book{
		store: store, log: log, config: c,
		incidents: map[string]*Incident{}, open: map[string]string{}, silences: map[string]*Silence{},
		outbox: map[uint64]*Entry{}, holds: map[string]*Hold{}, nextSeq: max(s.NextSeq, 1),
		lastSent: map[string]time.Time{}, wake: map[string]chan struct{}{}, dirty: newDirty(),
	}
	for _, i := range s.Incidents {
		b.incidents[i.ID] = i
		if i.Open() {
			b.open[key(i.Rule, i.Series)] = i.ID
		}
	}
	for _, q := range s.Silences {
		b.silences[q.ID] = q
	}
	for name, h := range s.Holds {
		b.holds[name] = &h
	}
	for _, e := range s.Outbox {
		if e.Open {
			e.Open, e.MayRepeat = false, true
			b.dirty.outbox[e.Seq] = true
		}
		b.outbox[e.Seq] = e
		b.nextSeq = max(b.nextSeq, e.Seq+1)
	}
	b.Configure(c)
	return b, nil
}

// Configure puts another configuration in force. Messages for a receiver that is
// gone go to its fallback's heir, the first route's receiver.
func (b *Book) Configure(c Config) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.config = c
	for _, r := range c.Receivers {
		if b.wake[r.Name] == nil {
			b.wake[r.Name] = make(chan struct{}, 1)
		}
	}
	for name, h := range b.holds {
		if h.Broken { // whatever was wrong with it may have been mended
			delete(b.holds, name)
			b.dirty.holds[name] = true
		}
	}
	for _, e := range b.outbox {
		if heir := b.heir(); heir != "" && !c.has(e.Receiver) {
			b.log.Warn("a message waits for a receiver that is no longer configured", "receiver", e.Receiver, "goes_to", heir)
			e.Receiver = heir
			b.dirty.outbox[e.Seq] = true
		}
	}
	b.commit()
}

// heir is who gets what nobody else would.
func (b *Book) heir() string {
	if n := len(b.config.Routes); n > 0 && len(b.config.Routes[n-1].Receivers) > 0 {
		return b.config.Routes[n-1].Receivers[0]
	}
	return ""
}

// Event is what detection has to say about a series: an incident that begins,
// with all but what the book fills in, or one that ends.
type Event struct {
	Kind     Kind // Firing or Resolved
	At       time.Time
	Incident Incident // of a Resolved, only Rule, Series, PeakZ and Over count
}

// Apply takes what has happened, with the messages about it in one transaction.
// An event that changes nothing, such as a second Firing, is passed over.
func (b *Book) Apply(now time.Time, events ...Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range events {
		switch id := b.open[key(e.Incident.Rule, e.Incident.Series)]; {
		case e.Kind == Firing && id == "":
			b.begin(now, e)
		case e.Kind == Resolved && id != "":
			b.end(now, b.incidents[id], e)
		}
	}
	b.commit()
}

func (b *Book) begin(now time.Time, e Event) {
	i := e.Incident
	i.ID, i.Fired = b.newID(), e.At
	i.Ended, i.Told, i.Held = time.Time{}, time.Time{}, ""
	b.incidents[i.ID], b.open[key(i.Rule, i.Series)] = &i, i.ID
	b.dirty.incidents[i.ID] = true
	b.count.Fired++
	if i.Held = b.held(&i, now); i.Held != "" {
		b.count.Held++
		b.log.Info("alert held", "incident", i.ID, "rule", i.Rule, "series", i.Series, "by", i.Held)
		return
	}
	b.log.Info("alert", "incident", i.ID, "rule", i.Rule, "series", i.Series, "direction", i.Direction, "reason", i.Reason)
	i.Told = now
	b.tell(now, Firing, &i)
}

func (b *Book) end(now time.Time, i *Incident, e Event) {
	i.Ended, i.Over = e.At, e.Incident.Over
	if e.Incident.PeakZ.Known() && e.Incident.PeakZ != 0 {
		i.PeakZ = e.Incident.PeakZ
	}
	delete(b.open, key(i.Rule, i.Series))
	b.dirty.incidents[i.ID] = true
	b.count.Resolved++
	b.log.Info("resolved", "incident", i.ID, "rule", i.Rule, "series", i.Series, "lasted", i.Ended.Sub(i.Start).Round(time.Second))
	// Whoever was told that it began hears that it is over, silenced or not.
	if !i.Told.IsZero() {
		b.tell(now, Resolved, i)
	}
}

// tell puts a notice into the outbox, for every receiver of the incident's route.
func (b *Book) tell(now time.Time, kind Kind, i *Incident) {
	r := b.config.route(i)
	if r == nil {
		return
	}
	for _, name := range r.Receivers {
		b.tellOne(now, r, name, Notice{Kind: kind, At: now, Incident: *i})
	}
}

func (b *Book) tellOne(now time.Time, r *Route, receiver string, n Notice) {
	group := r.group(receiver, &n.Incident)
	for _, e := range b.outbox {
		if e.Group == group && e.Receiver == receiver && !e.Open && e.Attempts == 0 && e.Due.After(now) {
			e.Notices = append(e.Notices, n)
			b.dirty.outbox[e.Seq] = true
			return
		}
	}
	due := now.Add(r.GroupWait)
	if next := b.lastSent[group].Add(r.GroupInterval); next.After(due) {
		due = next
	}
	b.put(&Entry{Receiver: receiver, Group: group, Created: now, Due: due, Notices: []Notice{n}})
}

func (b *Book) put(e *Entry) {
	e.Seq = b.nextSeq
	b.nextSeq++
	b.outbox[e.Seq] = e
	b.dirty.outbox[e.Seq] = true
}

// Note puts a message of the daemon's own into the outbox.
func (b *Book) Note(now time.Time, receiver, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.put(&Entry{Receiver: receiver, Group: receiver + "\x00note", Created: now, Due: now, Notices: []Notice{{Kind: Note, At: now, Text: text}}})
	b.commit()
}

// Tick does what time alone brings about: incidents are told when what held them
// is over, and told again when they go on for long. It is called every second or so.
func (b *Book) Tick(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range sorted(b.open) {
		i := b.incidents[id]
		if i.Told.IsZero() {
			b.release(now, i)
			continue
		}
		b.remind(now, i)
	}
	for id, s := range b.silences {
		if now.Sub(s.To) > keepEnded {
			delete(b.silences, id)
			b.dirty.silences[id] = true
		}
	}
	b.forget(now)
	b.commit()
}

// release tells an incident that was held and is held no longer.
func (b *Book) release(now time.Time, i *Incident) {
	held := b.held(i, now)
	if held != i.Held {
		i.Held = held
		b.dirty.incidents[i.ID] = true
	}
	if held == "" {
		i.Told = now
		b.tell(now, Firing, i)
	}
}

// remind tells an open incident again, to each receiver at its own pace.
func (b *Book) remind(now time.Time, i *Incident) {
	r := b.config.route(i)
	if r == nil || b.held(i, now) != "" {
		return
	}
	for _, name := range r.Receivers {
		pace := r.Repeat
		if resend := b.config.receiver(name).Resend; resend > 0 {
			pace = resend
		}
		slot := name + "\x00" + i.ID
		last := b.lastSent[slot]
		if last.Before(i.Told) {
			last = i.Told
		}
		if pace <= 0 || now.Sub(last) < pace || b.waits(name, i.ID) {
			continue
		}
		b.lastSent[slot] = now
		b.tellOne(now, r, name, Notice{Kind: Still, At: now, Incident: *i})
	}
}

// waits reports whether something about the incident is still to be sent.
func (b *Book) waits(receiver, id string) bool {
	for _, e := range b.outbox {
		if e.Receiver == receiver && slices.ContainsFunc(e.Notices, func(n Notice) bool { return n.Incident.ID == id }) {
			return true
		}
	}
	return false
}

// forget drops incidents that ended long ago, and what was remembered for them.
func (b *Book) forget(now time.Time) {
	if len(b.incidents) == len(b.open) {
		return
	}
	var ended []*Incident
	for _, i := range b.incidents {
		if !i.Open() {
			ended = append(ended, i)
		}
	}
	slices.SortFunc(ended, func(x, y *Incident) int { return y.Ended.Compare(x.Ended) })
	for k, i := range ended {
		if k >= keepMany || now.Sub(i.Ended) > keepEnded {
			delete(b.incidents, i.ID)
			b.dirty.incidents[i.ID] = true
		}
	}
	for slot, at := range b.lastSent {
		if now.Sub(at) > keepEnded {
			delete(b.lastSent, slot)
		}
	}
}

// newID is six letters and digits that no incident or silence of the book has.
func (b *Book) newID() string {
	for {
		id := strings.ToLower(rand.Text()[:6])
		if b.incidents[id] == nil && b.silences[id] == nil {
			return id
		}
	}
}

func sorted(open map[string]string) []string {
	keys := make([]string, 0, len(open))
	for k := range open {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	ids := make([]string, len(keys))
	for i, k := range keys {
		ids[i] = open[k]
	}
	return ids
}

// Incidents are copies of the incidents of the book, open ones first, then the newest first.
func (b *Book) Incidents() []Incident {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]Incident, 0, len(b.incidents))
	for _, i := range b.incidents {
		out = append(out, *i)
	}
	slices.SortFunc(out, func(x, y Incident) int {
		if x.Open() != y.Open() {
			if x.Open() {
				return -1
			}
			return 1
		}
		return cmp.Or(y.Fired.Compare(x.Fired), cmp.Compare(x.ID, y.ID))
	})
	return out
}

// Silences are copies of the silences of the book, the last to end first.
func (b *Book) Silences() []Silence {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]Silence, 0, len(b.silences))
	for _, s := range b.silences {
		out = append(out, *s)
	}
	slices.SortFunc(out, func(x, y Silence) int { return cmp.Or(y.To.Compare(x.To), cmp.Compare(x.ID, y.ID)) })
	return out
}

// Counts answers what the book has done since it was opened.
func (b *Book) Counts() Counts {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.count
}

// Err is why the state cannot be written now, or nil.
func (b *Book) Err() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.storeErr
}

// AddSilence puts a silence in force and answers its id.
func (b *Book) AddSilence(s Silence) (string, error) {
	if !s.To.After(s.From) {
		return "", fmt.Errorf("a silence from %s to %s: it ends before it begins", s.From.Format(time.RFC3339), s.To.Format(time.RFC3339))
	}
	if len(s.Match) == 0 {
		return "", fmt.Errorf(`a silence without matchers would keep everything quiet: say what, such as rule="gateway-rps"; rule=~".*" is everything`)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s.ID = b.newID()
	b.silences[s.ID] = &s
	b.dirty.silences[s.ID] = true
	b.commit()
	return s.ID, nil
}

// EndSilence ends a silence now.
func (b *Book) EndSilence(now time.Time, id string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.silences[id]
	if s == nil || !now.Before(s.To) {
		return fmt.Errorf("there is no silence %q in force", id)
	}
	if s.To = now; !s.From.Before(now) {
		delete(b.silences, id) // it never began
	}
	b.dirty.silences[id] = true
	b.commit()
	return nil
}

// Absorb ends an open incident because somebody says that what it shows is the
// new normal, and answers which it was.
func (b *Book) Absorb(now time.Time, id string) (Incident, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := b.incidents[id]
	if i == nil || !i.Open() {
		return Incident{}, fmt.Errorf("there is no open incident %q", id)
	}
	b.end(now, i, Event{Kind: Resolved, At: now, Incident: Incident{Over: "absorbed: this is the new normal"}})
	b.commit()
	return *i, nil
}

// Running answers the open incident about a series, if there is one.
func (b *Book) Running(rule, series string) (Incident, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := b.incidents[b.open[key(rule, series)]]
	if i == nil {
		return Incident{}, false
	}
	return *i, true
}
