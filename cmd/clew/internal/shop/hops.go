package shop

// Hop is a span that every payment leaves behind, exactly once.
type Hop struct {
	// Service is the service.name of the process in which the hop happens.
	Service string
	// Name is the name of the span.
	Name string
	// Under is the name of the nearest hop above it in the call tree; empty for the first.
	Under string
}

// The names of the services.
const (
	Gateway = "gateway"
	Order   = "order"
	Payment = "payment"
	Ledger  = "ledger"
)

// Names of the spans. Those of the doors are what the HTTP middleware calls them: method and route.
const (
	spanPay      = "POST /pay"
	spanOrder    = "POST /orders"
	spanReserve  = "reserve stock (go)"
	spanPrice    = "price order (pool)"
	spanPayment  = "POST /payments"
	spanVelocity = "check velocity (errgroup)"
	spanBlocked  = "check blocklist (errgroup)"
	spanBookings = "POST /bookings"
	spanBooking  = "booking (outlives its request)"
	spanEntry    = "write entry (channel)"
	spanReplies  = "POST /replies"
	spanSettle   = "settle (continuation)"
	spanConfirm  = "confirm (timer)"
)

// Hops are the hops of one payment, in the order in which they begin.
func Hops() []Hop {
	return []Hop{
		{Gateway, spanPay, ""},
		{Order, spanOrder, spanPay},
		{Order, spanReserve, spanOrder},
		{Order, spanPrice, spanOrder},
		{Payment, spanPayment, spanOrder},
		{Payment, spanVelocity, spanPayment},
		{Payment, spanBlocked, spanPayment},
		{Ledger, spanBookings, spanPayment},
		{Ledger, spanBooking, spanBookings},
		{Ledger, spanEntry, spanBooking},
		{Payment, spanReplies, spanBooking},
		{Payment, spanSettle, spanPayment},
		{Payment, spanConfirm, spanPayment},
	}
}

// PaymentKey is the attribute of the gateway's span that holds the id of the payment.
const PaymentKey = "shop.payment.id"

// EntriesKey is the Redis list into which the ledger of a run writes the id of every payment it booked.
func EntriesKey(run string) string { return "shop:" + run + ":entries" }
