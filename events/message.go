package events

// Message is an event for others: a row of the outbox, published as a CloudEvent to the events topic.
type Message struct {
	// SaleID is the record key: the order of a sale's events is kept.
	SaleID int64
	// Type is the CloudEvents type, such as TypeOrderConfirmed.
	Type string
	// Subject names what the event is about: an order id, a claim id, a sale's slug.
	Subject string
	// Data is marshalled to JSON: the payload of its type.
	Data any
	// Traceparent is the W3C trace context of the request that caused it, or empty.
	Traceparent string
}
