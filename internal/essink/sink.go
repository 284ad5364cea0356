// Package essink talks to Elasticsearch and OpenSearch: bulk requests of documents
// with ids of their own, and what has to be set up for them. Two implementations
// of one interface of three methods pass the same tests: [New], on olivere/elastic,
// and [NewPlain], on net/http alone.
package essink

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Doc is a document to be created.
type Doc struct {
	ID   string // of the characters of base64 in URLs
	Body []byte // a JSON object on one line
}

// Result is what became of a document.
type Result struct {
	Status int    // as in HTTP: 201 created, 409 there already, …
	Reason string // the server's words if it was refused, else empty
}

// Stored reports whether the document is there: created now, or before by a
// request whose answer was lost.
func (r Result) Stored() bool { return r.Status == 201 || r.Status == 200 || r.Status == 409 }

// Bulk is a server that takes documents. Its methods can be called by any number
// of goroutines.
type Bulk interface {
	// Do creates the documents in index, an index or a data stream. The results are
	// in the order of docs. When there is an error, any of the documents may have
	// been stored; a document can be sent again with the same id.
	Do(ctx context.Context, index string, docs []Doc) ([]Result, error)
	// Ping asks the server what it is. The media types of later requests are those
	// that this server wants; before, they are plain JSON.
	Ping(ctx context.Context) (Flavor, error)
	// Call sends one request and returns the answer's body. body may be nil. An
	// answer from 300 on is an *[Error].
	Call(ctx context.Context, method, path string, body []byte) ([]byte, error)
}

// answerFields are what we want of the answer to a bulk request. The rest is longer
// than this, and costs the server time to write and us to read.
var answerFields = []string{"items.*.status", "items.*.error.type", "items.*.error.reason", "items.*.error.caused_by.reason"}

// The products there are.
const (
	Elasticsearch = "Elasticsearch"
	OpenSearch    = "OpenSearch"
)

// Flavor is which server it is.
type Flavor struct {
	Product      string // Elasticsearch or OpenSearch
	Version      string
	Major, Minor int
}

func (f Flavor) String() string { return f.Product + " " + f.Version }

// AtLeast reports whether the version is major.minor or later.
func (f Flavor) AtLeast(major, minor int) bool {
	return f.Major > major || f.Major == major && f.Minor >= minor
}

// Error is an answer that is none of success.
type Error struct {
	Status     int           // as in HTTP
	Reason     string        // the server's words, as far as they could be read
	RetryAfter time.Duration // how long the server wants to be left alone; 0: not said
}

func (e *Error) Error() string {
	msg := fmt.Sprintf("the server answers %d", e.Status)
	if e.Reason != "" {
		msg += ": " + e.Reason
	}
	switch e.Status {
	case 401:
		msg += "; it wants a user and password or an API key"
	case 403:
		msg += "; the user or API key lacks the permission"
	}
	return msg
}

// reasonOf puts what an answer says of an error into a line.
func reasonOf(typ, reason string, causes ...string) string {
	line := typ
	for _, part := range append([]string{reason}, causes...) {
		if part == "" || strings.Contains(line, part) {
			continue
		}
		if line != "" {
			line += ": "
		}
		line += part
	}
	return line
}
