package profile

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Config says what is profiled and where profiles go. The zero Config takes the server from
// PYROSCOPE_SERVER_ADDRESS and the service's name from OTEL_SERVICE_NAME, and sends CPU, heap and
// goroutine profiles.
type Config struct {
	// Server is the URL of Pyroscope; empty: PYROSCOPE_SERVER_ADDRESS.
	Server string
	// Service is service_name of the profiles; empty: OTEL_SERVICE_NAME.
	Service string
	// Tags are labels of all profiles.
	Tags map[string]string
	// User and Password are for basic authentication; empty: PYROSCOPE_BASIC_AUTH_USER and
	// PYROSCOPE_BASIC_AUTH_PASSWORD. They appear in no log and no error.
	User, Password string
	// Tenant is the X-Scope-OrgID; empty: PYROSCOPE_TENANT_ID.
	Tenant string

	// SkipCPU, SkipHeap and SkipGoroutines leave out what is sent otherwise.
	SkipCPU, SkipHeap, SkipGoroutines bool
	// MutexFraction, if positive, is set as runtime.SetMutexProfileFraction until Stop, and mutex
	// profiles are sent: one in so many contentions is recorded.
	MutexFraction int
	// BlockRate, if positive, is set as runtime.SetBlockProfileRate until Stop, which sets 0, and block
	// profiles are sent: one sample for each so many nanoseconds blocked.
	BlockRate int

	// Window is the time that one profile covers; 0 stands for 15 s.
	Window time.Duration
	// RetryFor is how long an upload is tried; 0 stands for 5 min.
	RetryFor time.Duration
	// MaxPending bounds the profiles that wait to be sent, in bytes; 0 stands for 32 MiB. Beyond it the
	// newest are dropped.
	MaxPending int
	// Client sends the uploads; nil stands for one that gives an attempt 30 s and follows no redirects.
	Client *http.Client
	// Logger is told of uploads that failed for good and of what pyroscope-go has to complain about; nil:
	// nobody is.
	Logger *slog.Logger
}

// withDefaults fills in what is not set, and says what cannot be right.
func (c Config) withDefaults() (Config, error) {
	for _, v := range []struct {
		value *string
		name  string
	}{
		{&c.Server, "PYROSCOPE_SERVER_ADDRESS"},
		{&c.Service, "OTEL_SERVICE_NAME"},
		{&c.Tenant, "PYROSCOPE_TENANT_ID"},
		{&c.User, "PYROSCOPE_BASIC_AUTH_USER"},
		{&c.Password, "PYROSCOPE_BASIC_AUTH_PASSWORD"},
	} {
		if *v.value == "" {
			*v.value = os.Getenv(v.name)
		}
	}
	if c.Window == 0 {
		c.Window = 15 * time.Second
	}
	if c.RetryFor == 0 {
		c.RetryFor = 5 * time.Minute
	}
	if c.MaxPending == 0 {
		c.MaxPending = 32 << 20
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Client == nil {
		c.Client = &http.Client{
			Timeout:       30 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	return c, c.check()
}

func (c Config) check() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	switch u, err := url.Parse(c.Server); {
	case c.Server == "":
		wrong("no server: set Server or PYROSCOPE_SERVER_ADDRESS, such as http://localhost:4040")
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		wrong("the server's address must be a URL such as http://localhost:4040") // it may hold a password
	case u.User != nil:
		wrong("the server's address holds a user; set User and Password instead")
	}
	if c.Service == "" {
		wrong("no service name: set Service or OTEL_SERVICE_NAME")
	}
	if strings.ContainsAny(c.Service, "{}") {
		wrong("the service name %q can't hold braces", c.Service)
	}
	if (c.User == "") != (c.Password == "") {
		wrong("User and Password go together")
	}
	for name, n := range map[string]int64{
		"Window": int64(c.Window), "RetryFor": int64(c.RetryFor), "MaxPending": int64(c.MaxPending),
		"MutexFraction": int64(c.MutexFraction), "BlockRate": int64(c.BlockRate),
	} {
		if n < 0 {
			wrong("%s is negative", name)
		}
	}
	if c.SkipCPU && len(sources(c)) == 0 {
		wrong("everything is left out, there is nothing to send")
	}
	return errors.Join(errs...)
}
