package fakeslack

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Post is a request that came, with what it was answered.
type Post struct {
	At      time.Time
	Status  int
	Method  string // "webhook", "chat.postMessage" or "chat.update"
	Payload Payload
	Raw     []byte
}

// Slack is the stand-in, an [http.Handler]. The zero Slack takes any number of
// messages; set the fields before it serves. Its methods may be called by several
// goroutines.
type Slack struct {
	// Every is the time in which one message is allowed; 0 is no limit. Burst are
	// allowed at once, at least 1.
	Every time.Duration
	Burst int
	// RetryAfter is what a message too many is told, in whole seconds; at least 1.
	RetryAfter int
	// Token is what a bot must show; "" takes any.
	Token string
	// Fail, if it answers a status other than 0, answers the n-th post, from 0,
	// with it and body. A status of -1 cuts the connection, and -2 takes the message and then
	// cuts the connection.
	Fail func(n int) (status int, body string)

	// NoFiles says that the bot lacks the scope for files.
	NoFiles bool

	mu     sync.Mutex
	posts  []Post
	files  []File
	tokens float64
	filled time.Time
	news   chan struct{}
}

// The statuses that Fail may answer beside HTTP's.
const (
	Cut         = -1 // end the connection without an answer
	TakenAndCut = -2 // take the message, then end the connection without an answer
)

// Posts are all requests so far.
func (s *Slack) Posts() []Post {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Post(nil), s.posts...)
}

// Taken are the posts that Slack has shown to people.
func (s *Slack) Taken() []Post {
	var out []Post
	for _, p := range s.Posts() {
		if p.Status == http.StatusOK || p.Status == TakenAndCut {
			out = append(out, p)
		}
	}
	return out
}

// News is closed at the next post.
func (s *Slack) News() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.news == nil {
		s.news = make(chan struct{})
	}
	return s.news
}

// ServeHTTP implements [http.Handler]: paths below /api/ are the Web API's, every
// other one is a webhook.
func (s *Slack) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.upload(w, r) {
		return
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return // who sends half a request gets no answer
	}
	method, isAPI := strings.CutPrefix(r.URL.Path, "/api/")
	if !isAPI {
		method = "webhook"
	}
	p := Post{At: time.Now(), Method: method, Raw: raw}
	var body string
	p.Status, body = s.judge(&p, r)
	s.mu.Lock()
	s.posts = append(s.posts, p)
	n := len(s.posts)
	if s.news != nil {
		close(s.news)
		s.news = nil
	}
	s.mu.Unlock()
	switch {
	case p.Status < 0:
		panic(http.ErrAbortHandler)
	case p.Status == http.StatusTooManyRequests:
		w.Header().Set("Retry-After", fmt.Sprint(max(s.RetryAfter, 1)))
		answer(w, p.Status, `{"ok":false,"error":"rate_limited"}`)
	case isAPI && (p.Status == http.StatusOK || p.Status == http.StatusBadRequest):
		api(w, p.Status, body, n)
	default:
		answer(w, p.Status, body)
	}
}

func answer(w http.ResponseWriter, status int, body string) {
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // the sender may have gone
}

// api answers as the Web API does: 200, and what is wrong in the body.
func api(w http.ResponseWriter, status int, body string, n int) {
	got := map[string]any{"ok": status == http.StatusOK}
	if status == http.StatusOK {
		got["ts"], got["channel"] = fmt.Sprintf("1700000000.%06d", n), "C1"
	} else {
		got["error"] = body
	}
	raw, _ := json.Marshal(got) // a map of strings always encodes
	answer(w, http.StatusOK, string(raw))
}

func (s *Slack) judge(p *Post, r *http.Request) (status int, body string) {
	s.mu.Lock()
	n := len(s.posts)
	s.mu.Unlock()
	if s.Fail != nil {
		if status, body := s.Fail(n); status != 0 {
			_ = json.Unmarshal(p.Raw, &p.Payload) // whatever it is, it is shown
			return status, body
		}
	}
	if s.Token != "" && p.Method != "webhook" && r.Header.Get("Authorization") != "Bearer "+s.Token {
		return http.StatusBadRequest, "invalid_auth"
	}
	if !s.allowed(p.At) {
		return http.StatusTooManyRequests, ""
	}
	if err := json.Unmarshal(p.Raw, &p.Payload); err != nil {
		return http.StatusBadRequest, "invalid_payload"
	}
	if err := p.Payload.Check(); err != nil {
		return http.StatusBadRequest, err.Error()
	}
	return http.StatusOK, "ok"
}

// allowed takes a token from the bucket.
func (s *Slack) allowed(now time.Time) bool {
	if s.Every <= 0 {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	burst := float64(max(s.Burst, 1))
	if s.filled.IsZero() {
		s.tokens = burst
	} else {
		s.tokens = min(burst, s.tokens+float64(now.Sub(s.filled))/float64(s.Every))
	}
	s.filled = now
	if s.tokens < 1 {
		return false
	}
	s.tokens--
	return true
}
