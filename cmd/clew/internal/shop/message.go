package shop

// Purchase is what a customer sends to the gateway's /pay.
type Purchase struct {
	ID   string `json:"id"`
	SKU  string `json:"sku"`
	Card string `json:"card"` // a token, never a number
}

// Receipt is what comes back.
type Receipt struct {
	ID    string `json:"id"`
	Cents int    `json:"cents"`
	Entry int64  `json:"entry"` // its place in the ledger, from 1
}

// charge asks the payment service for money.
type charge struct {
	ID    string `json:"id"`
	Card  string `json:"card"`
	Cents int    `json:"cents"`
}

// booking asks the ledger to write an entry and to say so at ReplyTo.
type booking struct {
	ID      string `json:"id"`
	Card    string `json:"card"`
	Cents   int    `json:"cents"`
	ReplyTo string `json:"reply_to"`
}

// reply is the ledger's answer to a booking, sent when the entry is written.
type reply struct {
	ID    string `json:"id"`
	Entry int64  `json:"entry"`
	Error string `json:"error,omitempty"`
}
