package notify

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clewhq/clew/internal/fakeslack"
	"github.com/clewhq/clew/zscore/alert"
)

// deliver runs a webhook receiver against the stand-in until the time is over.
func deliver(t *testing.T, book *alert.Book, slack http.Handler, last time.Duration) {
	t.Helper()
	to := &SlackWebhook{URL: secretFile(t, "https://hooks.slack.example"+secretPath), Client: &http.Client{Transport: direct{slack}}}
	ctx, cancel := context.WithTimeout(t.Context(), last)
	defer cancel()
	Deliver(ctx, book, "slack", to, SlackPace)
}

// TestFlood is 60 alerts at once into a Slack of one message a second.
func TestFlood(t *testing.T) {
	for _, spread := range []time.Duration{0, 50 * time.Millisecond, 150 * time.Millisecond} {
		t.Run(fmt.Sprint("one every ", spread), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				slack := &fakeslack.Slack{Every: time.Second, Burst: 1}
				book, _ := openBook(t, io.Discard, config())
				began := time.Now()
				var names []string
				go func() {
					for k := range 60 {
						book.Apply(time.Now(), firing(time.Now(), fmt.Sprintf("gw-%02d", k)))
						time.Sleep(spread)
					}
				}()
				for k := range 60 {
					names = append(names, fmt.Sprintf("gw-%02d", k))
				}
				deliver(t, book, slack, 40*time.Second)
				posts := slack.Posts()
				limited := 0
				for _, p := range posts {
					if p.Status == http.StatusTooManyRequests {
						limited++
					}
				}
				if n := conveyed(slack.Taken(), names); n != 60 || len(posts) > 10 || limited > 2 {
					t.Errorf("%d of 60 alerts in %d posts, %d of them answered 429; want 60, at most 10, at most 2", n, len(posts), limited)
				}
				if last := posts[len(posts)-1].At.Sub(began); last > 30*time.Second {
					t.Errorf("the last one was told after %v", last)
				}
				t.Logf("60 alerts in %d posts, %d answered 429, the last after %v", len(posts), limited, posts[len(posts)-1].At.Sub(began))
			})
		})
	}
}

// TestRetryAfter has somebody else use up the channel's allowance.
func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slack := &fakeslack.Slack{RetryAfter: 7, Fail: func(n int) (int, string) {
			if n == 0 {
				return http.StatusTooManyRequests, ""
			}
			return 0, ""
		}}
		book, _ := openBook(t, io.Discard, config())
		book.Apply(time.Now(), firing(time.Now(), "a"), firing(time.Now(), "b"))
		deliver(t, book, slack, time.Minute)
		posts := slack.Posts()
		if len(posts) != 3 {
			t.Fatalf("%d posts, want the refused one and two more", len(posts))
		}
		if wait := posts[1].At.Sub(posts[0].At); wait < 7*time.Second || wait > 10*time.Second {
			t.Errorf("%v after a 429 with Retry-After 7 the next one came", wait)
		}
	})
}

// TestOutage has Slack fail in every way for a while; everything arrives, the
// pauses grow, and only what may have arrived before says so.
func TestOutage(t *testing.T) {
	for _, c := range []struct {
		name    string
		status  int
		repeats bool
	}{
		{"500", 500, false}, {"503", 503, false}, {"cut", fakeslack.Cut, false}, {"taken and cut", fakeslack.TakenAndCut, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				over := time.Now().Add(10 * time.Minute)
				slack := &fakeslack.Slack{Fail: func(int) (int, string) {
					if time.Now().Before(over) {
						return c.status, "rollup_error"
					}
					return 0, ""
				}}
				book, _ := openBook(t, io.Discard, config())
				book.Apply(time.Now(), firing(time.Now(), "a"))
				deliver(t, book, slack, 15*time.Minute)
				posts := slack.Posts()
				if last := posts[len(posts)-1]; last.Status != http.StatusOK {
					t.Errorf("never delivered: the last answer was %d", last.Status)
				}
				if len(posts) > 40 || len(posts) < 8 {
					t.Errorf("%d attempts in ten minutes: want pauses that grow up to a minute", len(posts))
				}
			})
		})
	}
}

// TestDegrade refuses blocks: the message goes out once more, as text.
func TestDegrade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slack := &fakeslack.Slack{}
		slack.Fail = func(n int) (int, string) {
			if n == 0 {
				return http.StatusBadRequest, "invalid_blocks"
			}
			return 0, ""
		}
		book, _ := openBook(t, io.Discard, config())
		book.Apply(time.Now(), firing(time.Now(), "a"))
		deliver(t, book, slack, time.Minute)
		posts := slack.Posts()
		if len(posts) != 2 || len(posts[0].Payload.Blocks) == 0 || len(posts[1].Payload.Blocks) != 0 {
			t.Fatalf("posts: %+v, want one with blocks and one without", posts)
		}
		if n := conveyed(posts[1:], []string{"gateway-rps is up", `instance=\"a\"`, "1240 where 310"}); n != 3 {
			t.Errorf("the plain message lacks what matters: %s", posts[1].Raw)
		}
	})
}

// TestFallOver has Slack refuse for good.
func TestFallOver(t *testing.T) {
	for _, status := range []int{403, 404, 410, 302} {
		synctest.Test(t, func(t *testing.T) {
			slack := &fakeslack.Slack{Fail: func(int) (int, string) { return status, "no_service" }}
			c := config()
			c.Receivers = []alert.Receiver{{Name: "slack", Fallback: "other"}, {Name: "other"}}
			book, _ := openBook(t, io.Discard, c)
			book.Apply(time.Now(), firing(time.Now(), "a"))
			deliver(t, book, slack, time.Minute)
			if n := len(slack.Posts()); n != 1 {
				t.Errorf("%d: %d attempts, want 1", status, n)
			}
			batch, _, ok := book.Claim("other", time.Now())
			if diff := cmp.Diff([]string{"slack"}, batch.FellFrom()); !ok || diff != "" {
				t.Errorf("%d: the fallback has nothing to send: %s", status, diff)
			}
		})
	}
}
