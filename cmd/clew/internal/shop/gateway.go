package shop

import (
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// gateway is the shop's door to the world.
type gateway struct {
	orders string // base URL of the order service
	client *http.Client
}

func (g *gateway) routes(mux *http.ServeMux) {
	mux.HandleFunc("POST /pay", g.pay)
}

func (g *gateway) pay(w http.ResponseWriter, r *http.Request) {
	var p Purchase
	if !receive(w, r, &p) {
		return
	}
	oteltrace.SpanFromContext(r.Context()).SetAttributes(attribute.String(PaymentKey, p.ID))
	var receipt Receipt
	if err := post(r.Context(), g.client, g.orders+"/orders", p, &receipt); err != nil {
		refuse(w, err)
		return
	}
	answer(w, http.StatusCreated, receipt)
}

func (g *gateway) close() {}
