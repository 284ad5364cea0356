package requestlog

import (
	"fmt"
	"net/http"
	"net/textproto"
	"strings"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/clewhq/clew/internal/spool"
)

// Schema is how the documents name their fields.
type Schema uint8

const (
	ECS  Schema = iota // the Elastic Common Schema, 8.17
	OTel               // OpenTelemetry's log data model and semantic conventions 1.43
)

// String returns the word by which flags name the schema.
func (s Schema) String() string {
	if s == OTel {
		return "otel"
	}
	return "ecs"
}

// Sync says when the disk is made to store what has been written. A process that
// is killed loses at most the last moment's documents, whatever is chosen here; a
// machine that loses its power may lose more.
type Sync = spool.Sync

// The kinds of [Sync].
const (
	SyncInterval = spool.SyncInterval // once a second
	SyncNone     = spool.SyncNone     // when the system sees fit
	SyncBatch    = spool.SyncBatch    // after each write
)

// Option changes what [Open] makes. The functions of this package that begin with
// With are the only ones.
type Option interface{ apply(*config) error }

type option func(*config) error

func (o option) apply(c *config) error { return o(c) }

type config struct {
	spool    spool.Options
	schema   Schema
	service  map[string]string // resource attributes
	request  []header
	response []header
	deny     map[string]bool
	meters   metric.MeterProvider // nil: the global one
}

// header is one that goes into the documents.
type header struct {
	canonical string // as http.Header has it
	lower     string // as the documents have it
}

// WithSchema chooses how fields are named; ECS is the default.
func WithSchema(s Schema) Option {
	return option(func(c *config) error {
		if s > OTel {
			return fmt.Errorf("there is no schema %d", s)
		}
		c.schema = s
		return nil
	})
}

// WithService names the service; name and version may be empty. Without it they are
// what OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say.
func WithService(name, version string) Option {
	return option(func(c *config) error {
		c.service["service.name"], c.service["service.version"] = name, version
		return nil
	})
}

// WithRequestHeaders puts these headers of requests into the documents. None are
// there otherwise. It is an error to ask for one that holds credentials.
func WithRequestHeaders(names ...string) Option {
	return option(func(c *config) (err error) {
		c.request, err = allow(c.request, names)
		return err
	})
}

// WithResponseHeaders is [WithRequestHeaders] for responses.
func WithResponseHeaders(names ...string) Option {
	return option(func(c *config) (err error) {
		c.response, err = allow(c.response, names)
		return err
	})
}

// credentialHeaders are those that nobody who reads a log may have.
var credentialHeaders = map[string]bool{
	"Authorization": true, "Proxy-Authorization": true, "Cookie": true, "Set-Cookie": true,
	"Www-Authenticate": true, "Proxy-Authenticate": true, "X-Api-Key": true, "X-Auth-Token": true,
	"X-Amz-Security-Token": true, "X-Csrf-Token": true, "X-Xsrf-Token": true,
}

func allow(have []header, names []string) ([]header, error) {
	for _, name := range names {
		h := header{textproto.CanonicalMIMEHeaderKey(name), strings.ToLower(name)}
		if name == "" || strings.Trim(h.lower, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return nil, fmt.Errorf("%q is not the name of a header", name)
		}
		if credentialHeaders[h.canonical] {
			return nil, fmt.Errorf("the header %s holds credentials and does not belong into a log", h.canonical)
		}
		have = append(have, h)
	}
	return have, nil
}

// WithDeniedParams hides the values of these query parameters too. Case does not
// count. Those under which credentials usually travel (token, password, sig, …) are
// always hidden.
func WithDeniedParams(names ...string) Option {
	return option(func(c *config) error {
		for _, name := range names {
			c.deny[strings.ToLower(name)] = true
		}
		return nil
	})
}

// WithMaxBytes bounds the spool on disk, 1 GiB by default and at least 32 MiB. When
// it is reached, documents are dropped until some have been shipped.
func WithMaxBytes(n int64) Option {
	return option(func(c *config) error { c.spool.MaxBytes = n; return nil })
}

// WithMemory bounds what waits in memory for the disk, in bytes; 8 MiB by default.
func WithMemory(n int) Option {
	return option(func(c *config) error { c.spool.MemoryBytes = n; return nil })
}

// WithDropOldest gives up the oldest documents instead of the newest when the spool
// is full: for a log that is kept, whether or not it is shipped.
func WithDropOldest() Option {
	return option(func(c *config) error { c.spool.DropOldest = true; return nil })
}

// WithMaxBlock lets a request wait this long for room in memory when the disk is
// slower than the requests come. By default it does not wait: its document is
// dropped.
func WithMaxBlock(d time.Duration) Option {
	return option(func(c *config) error { c.spool.MaxBlock = d; return nil })
}

// WithSync chooses when the disk is made to store what has been written;
// SyncInterval is the default.
func WithSync(s Sync) Option {
	return option(func(c *config) error { c.spool.Sync = s; return nil })
}

// WithMeterProvider takes instruments from mp instead of the global provider.
func WithMeterProvider(mp metric.MeterProvider) Option {
	return option(func(c *config) error { c.meters = mp; return nil })
}

// values returns the header's values, nil if it is not there.
func (h header) values(from http.Header) []string { return from[h.canonical] }
