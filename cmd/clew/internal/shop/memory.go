package shop

import (
	"fmt"
	"net/http"
	"net/http/pprof"
	"reflect"
	"runtime"
	"strings"
	"sync"
)

const (
	// auditBytes is what the audit trail keeps of a booking.
	auditBytes = 8 << 10
	// statementBytes is the size of a card's statement: the cache of forty cards weighs more than what has
	// leaked by a hundred bookings.
	statementBytes = 32 << 10
	// maxStatements bounds the cache of statements.
	maxStatements = 64
)

// audit is the ledger's trail of what it was asked to book: the leak of the demo. The records were meant to
// go when the day is closed, and nobody ever closes it.
type audit struct {
	mu      sync.Mutex
	records [][]byte
}

// keep adds a record of the booking.
//
//go:noinline
func (a *audit) keep(b booking) {
	record := make([]byte, auditBytes)
	copy(record, fmt.Sprintf("%s %d %s", b.ID, b.Cents, b.Card))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.records = append(a.records, record)
}

// statements caches the newest statement of each card: honest, it fills with the cards that there are and is
// bounded besides.
type statements struct {
	mu     sync.Mutex
	byCard map[string][]byte
	cards  []string // in the order in which they came
}

// of is the statement of the card, rendered at the first booking.
func (s *statements) of(card string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if text, ok := s.byCard[card]; ok {
		return text
	}
	if len(s.cards) == maxStatements {
		delete(s.byCard, s.cards[0])
		s.cards = s.cards[1:]
	}
	text := s.render(card)
	s.byCard[card], s.cards = text, append(s.cards, card)
	return text
}

//go:noinline
func (s *statements) render(card string) []byte {
	text := make([]byte, statementBytes)
	copy(text, strings.ToUpper(card))
	return text
}

// Leak is the name of the function whose allocations the ledger never gives up, and Cache that of the one
// whose allocations it keeps on purpose, as a heap profile calls them.
func Leak() string { return functionName((*audit).keep) }

// Cache is described at [Leak].
func Cache() string { return functionName((*statements).render) }

func functionName(f any) string { return runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name() }

// withProfiles puts Go's profiles beside the service's own doors. They are no part of the shop, and leave no
// spans; nor does who asks for metrics, be there any or not.
func withProfiles(traced, plain http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", traced)
	mux.Handle("GET /metrics", plain)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	return mux
}
