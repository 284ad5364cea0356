package shop

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// order takes an order: it reserves the goods, has them priced, and asks for the money.
type order struct {
	carry    Propagation
	payments string // base URL of the payment service
	client   *http.Client
	stock    *stock
	desk     *pool
}

func newOrder(carry Propagation, payments string) *order {
	return &order{
		carry:    carry,
		payments: payments,
		client:   newClient(),
		stock:    &stock{carry: carry, reserved: map[string]int{}},
		desk:     newPool(carry, 4),
	}
}

func (o *order) routes(mux *http.ServeMux) {
	mux.HandleFunc("POST /orders", o.create)
}

func (o *order) create(w http.ResponseWriter, r *http.Request) {
	var p Purchase
	if !receive(w, r, &p) {
		return
	}
	reserved := make(chan error, 1)
	go func() { reserved <- o.stock.reserve(p.SKU) }()

	var cents int
	priced := make(chan struct{})
	o.desk.submit(func() {
		defer close(priced)
		cents = o.price(p.SKU)
	})
	<-priced
	if err := <-reserved; err != nil {
		refuse(w, err)
		return
	}
	var receipt Receipt
	err := post(r.Context(), o.client, o.payments+"/payments", charge{ID: p.ID, Card: p.Card, Cents: cents}, &receipt)
	if err != nil {
		refuse(w, err)
		return
	}
	answer(w, http.StatusCreated, receipt)
}

// price runs on a worker of the pool, which has never heard of the request.
func (o *order) price(sku string) int {
	_, span := o.carry.start(context.Background(), spanPrice)
	defer span.End()
	backEnd(800 * time.Microsecond)
	return 500 + 10*len(sku)
}

func (o *order) close() { o.desk.close() }

// stock is the warehouse's book.
type stock struct {
	carry    Propagation
	mu       sync.Mutex
	reserved map[string]int
}

// reserve has no ctx, as much older code has none.
func (s *stock) reserve(sku string) error {
	_, span := s.carry.start(context.Background(), spanReserve)
	defer span.End()
	if sku == "" {
		return fmt.Errorf("reserve stock: the order names no sku")
	}
	backEnd(1500 * time.Microsecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reserved[sku]++
	return nil
}

// pool is a worker pool, started with the service and so older than every request.
type pool struct {
	carry   Propagation
	jobs    chan func()
	workers sync.WaitGroup
}

func newPool(carry Propagation, workers int) *pool {
	p := &pool{carry: carry, jobs: make(chan func())}
	for range workers {
		p.workers.Go(func() {
			for job := range p.jobs {
				job()
			}
		})
	}
	return p
}

// submit hands f to the next free worker.
func (p *pool) submit(f func()) { p.jobs <- p.carry.bind(f) }

// close waits for the jobs that were submitted; none may be submitted after it.
func (p *pool) close() {
	close(p.jobs)
	p.workers.Wait()
}

// backEnd takes the time that a system behind the shop would take.
func backEnd(d time.Duration) { time.Sleep(d) }
