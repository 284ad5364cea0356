package shop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
)

// running is a service that runs in this process.
type running struct {
	Ready
	life  *io.PipeWriter
	ended chan error
}

// serve runs a service until the test ends.
func serve(t *testing.T, cfg Config) *running {
	t.Helper()
	t.Setenv("OTEL_SDK_DISABLED", "true")
	in, life := io.Pipe()
	said, out := io.Pipe()
	r := &running{life: life, ended: make(chan error, 1)}
	go func() {
		err := Serve(context.WithoutCancel(t.Context()), cfg, in, bufio.NewWriter(out), io.Discard)
		_ = out.CloseWithError(errors.Join(io.EOF, err))
		r.ended <- err
	}()
	t.Cleanup(func() { _ = life.Close() })
	if err := json.NewDecoder(said).Decode(&r.Ready); err != nil {
		t.Fatalf("%s: %v", cfg.Name, err)
	}
	return r
}

func (r *running) url() string { return "http://" + r.Addr }

// stop asks the service to stop and answers how it ended.
func (r *running) stop() error {
	if _, err := io.WriteString(r.life, Stop+"\n"); err != nil {
		return err
	}
	return <-r.ended
}

// keepRedis is a Redis in this process with the password that the services are told.
func keepRedis(t *testing.T) *miniredis.Miniredis {
	t.Helper()
	t.Setenv(RedisPassword, "secret")
	db := miniredis.RunT(t)
	db.RequireAuth("secret")
	return db
}

// request posts body and answers the status and what came back.
func request(t *testing.T, url, body string) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(got))
}

// A payment through all four services, in one process: the books hold it, and an orderly end loses nothing.
func TestShop(t *testing.T) {
	for name, carry := range map[string]Propagation{"with clew": With(), "without": Without()} {
		t.Run(name, func(t *testing.T) {
			db := keepRedis(t)
			next := ""
			var services []*running
			for _, service := range []string{Ledger, Payment, Order, Gateway} {
				s := serve(t, Config{Name: service, Run: "test", Next: next, Redis: db.Addr(), Propagation: carry})
				services, next = append(services, s), s.url()
			}
			status, got := request(t, next+"/pay", `{"id":"p1","sku":"sku-1","card":"card-1"}`)
			if want := `{"id":"p1","cents":550,"entry":1}`; status != http.StatusCreated || got != want {
				t.Errorf("%d %s, want 201 %s", status, got, want)
			}
			if entries, err := db.List(EntriesKey("test")); err != nil || len(entries) != 1 || entries[0] != "p1" {
				t.Errorf("entries %q, %v", entries, err)
			}
			for status, body := range map[int]string{
				http.StatusBadRequest: `{"id":`,
				http.StatusBadGateway: `{"id":"p2","sku":"sku-1","card":"stolen"}`,
			} {
				if got, answer := request(t, next+"/pay", body); got != status {
					t.Errorf("%s: %d %s, want %d", body, got, answer, status)
				}
			}
			if status, answer := request(t, next+"/pay", `{"id":"p3","card":"card-1"}`); status != http.StatusBadGateway || !strings.Contains(answer, "names no sku") {
				t.Errorf("no sku: %d %s", status, answer)
			}
			for _, s := range []*running{services[3], services[2], services[0], services[1]} {
				if err := s.stop(); err != nil {
					t.Errorf("stop: %v", err)
				}
			}
		})
	}
}

// A card with a limit pays that often and no more; a limit that is no number is told.
func TestCardLimit(t *testing.T) {
	db := keepRedis(t)
	payment := &payment{run: "test", redis: newRedis(db.Addr(), With()), carry: With()}
	t.Cleanup(func() { _ = payment.redis.Close() })
	for key, value := range map[string]string{"shop:test:limit:card-1": "2", "shop:test:limit:card-2": "many"} {
		if err := db.Set(key, value); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ card, want string }{
		{"card-1", ""},
		{"card-1", ""},
		{"card-1", "check velocity: payment 3 of the card, whose limit is 2"},
		{"card-2", `check velocity: strconv.ParseInt: parsing "many": invalid syntax`},
	} {
		got := ""
		if err := payment.velocity(t.Context(), tt.card); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.card, got, tt.want)
		}
	}
}

// A reply that nobody waits for is refused, and so is the second one to the same payment.
func TestReplyToNobody(t *testing.T) {
	db := keepRedis(t)
	s := serve(t, Config{Name: Payment, Run: "test", Redis: db.Addr(), Propagation: With()})
	if status, answer := request(t, s.url()+"/replies", `{"id":"p9","entry":1}`); status != http.StatusNotFound || answer != "nobody waits for payment p9" {
		t.Errorf("%d %s", status, answer)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

// A ledger that cannot write says so in its reply, and the payment fails with its words.
func TestLedgerCannotWrite(t *testing.T) {
	db := keepRedis(t)
	if err := db.Set(EntriesKey("test"), "not a list"); err != nil {
		t.Fatal(err)
	}
	ledger := serve(t, Config{Name: Ledger, Run: "test", Redis: db.Addr(), Propagation: With()})
	payment := serve(t, Config{Name: Payment, Run: "test", Next: ledger.url(), Redis: db.Addr(), Propagation: With()})
	status, answer := request(t, payment.url()+"/payments", `{"id":"p1","card":"card-1","cents":1}`)
	if status != http.StatusBadGateway || !strings.Contains(answer, "write entry: ") || !strings.Contains(answer, "WRONGTYPE") {
		t.Errorf("%d %s", status, answer)
	}
	for _, s := range []*running{ledger, payment} {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	}
}

// A customer whose card pays too large a body, or a service that is not there, is answered, not left hanging.
func TestGatewayAlone(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	s := serve(t, Config{Name: Gateway, Next: gone.URL, Propagation: With()})
	if status, answer := request(t, s.url()+"/pay", `{"id":"p1"}`); status != http.StatusBadGateway {
		t.Errorf("%d %s", status, answer)
	}
	if status, answer := request(t, s.url()+"/pay", `{"id":"`+strings.Repeat("x", maxBody)+`"}`); status != http.StatusBadRequest {
		t.Errorf("%d %s", status, answer)
	}
	if status, _ := request(t, s.url()+"/elsewhere", `{}`); status != http.StatusNotFound {
		t.Errorf("a path that is none: %d", status)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

// A service whose starter is gone ends at once.
func TestServeAbandoned(t *testing.T) {
	s := serve(t, Config{Name: Gateway, Propagation: With()})
	if err := s.life.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-s.ended; !errors.Is(err, errAbandoned) {
		t.Errorf("ended with %v", err)
	}
}

func TestServeUnknown(t *testing.T) {
	t.Setenv("OTEL_SDK_DISABLED", "true")
	in, life := io.Pipe()
	defer func() { _ = life.Close() }()
	var out bytes.Buffer
	err := Serve(t.Context(), Config{Name: "cellar"}, in, bufio.NewWriter(&out), io.Discard)
	if err == nil || !strings.Contains(err.Error(), `service "cellar": want gateway, order`) || out.Len() > 0 {
		t.Errorf("error %v, said %q", err, out.String())
	}
}

func TestParsePropagation(t *testing.T) {
	for _, good := range []string{"on", "off"} {
		if p, err := ParsePropagation(good); err != nil || p.start == nil || p.bind == nil || p.ref == nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	if _, err := ParsePropagation("maybe"); err == nil {
		t.Error("maybe is taken")
	}
}
