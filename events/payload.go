package events

import "time"

// Types of the published events; ce_type carries them. Each has one payload, the struct that its comment names. A type that is
// published stays, and so do the names and meanings of its payload's fields; new fields may be added.
const (
	// TypeOrderConfirmed: a shopper has a unit. Payload: [ConfirmedOrder].
	TypeOrderConfirmed = "order.confirmed"
	// TypeOrderCancelled: an order was taken back and its unit is free again. Payload: [CancelledOrder].
	TypeOrderCancelled = "order.cancelled"
	// TypeClaimDeclined: a claim got no unit and never will. Payload: [DeclinedClaim].
	TypeClaimDeclined = "claim.declined"
	// TypeStockChanged: the units of a sale, or those taken, are others than before. Payload: [Stock].
	TypeStockChanged = "stock.changed"
	// TypeSaleStateChanged: a sale opened, paused, went on, is closing or closed. Payload: [ChangedSale].
	TypeSaleStateChanged = "sale.state-changed"
	// TypeGenerationBegun: a sale began anew with nothing sold, or for the first time. Payload: [ChangedSale] with its Total.
	TypeGenerationBegun = "sale.generation-begun"
)

// ConfirmedOrder is the payload of order.confirmed.
type ConfirmedOrder struct {
	// Order is the order's id, a UUID. It is also the id of the claim that became it.
	Order string `json:"order"`
	// Sale is the sale's number, which is also the record's key.
	Sale int64 `json:"sale"`
	// Generation counts the sale's beginnings, from 1.
	Generation int64 `json:"generation"`
	// User is the number of the shopper's account, Username its name at the time of the claim.
	User     int64  `json:"user"`
	Username string `json:"username"`
	// Unit is the number of the unit, from 1. No two live orders of a generation have the same.
	Unit int64 `json:"unit"`
	// At is when the order was decided, by the clock of Postgres: RFC 3339, UTC.
	At time.Time `json:"at"`
	// PressedAt is when the shopper pressed, by the same clock; it is the time on the receipt. Absent: it is not known, and the
	// receipt has At.
	PressedAt time.Time `json:"pressedAt,omitzero"`
}

// CancelledOrder is the payload of order.cancelled. ce_time says when.
type CancelledOrder struct {
	// Order is the id that order.confirmed told.
	Order string `json:"order"`
	// Sale and Generation are those of the order. The generation may be an older one than the sale's present one.
	Sale       int64 `json:"sale"`
	Generation int64 `json:"generation"`
	// User is the number of the account that had the order.
	User int64 `json:"user"`
	// Unit is the number of the unit that is free again.
	Unit int64 `json:"unit"`
}

// DeclinedClaim is the payload of claim.declined.
type DeclinedClaim struct {
	// Claim is the claim's id, a UUID.
	Claim string `json:"claim"`
	// Sale and Generation are those that the claim named.
	Sale       int64 `json:"sale"`
	Generation int64 `json:"generation"`
	// User is the number of the account that claimed.
	User int64 `json:"user"`
	// Reason is one of the Reason... constants.
	Reason string `json:"reason"`
	// At is when the claim was decided, by the clock of Postgres: RFC 3339, UTC.
	At time.Time `json:"at"`
}

// Stock is a sale's count after a decision, and the payload of stock.changed.
type Stock struct {
	// SaleID is the sale's number, Generation counts its beginnings, from 1.
	SaleID     int64 `json:"sale"`
	Generation int64 `json:"generation"`
	// Total is how many units there are, Taken how many of them live orders have.
	Total int64 `json:"total"`
	Taken int64 `json:"taken"`
	// Version grows with every change of the stock row: of two payloads of a generation the higher one is newer.
	Version int64 `json:"version"`
}

// ChangedSale is the payload of sale.state-changed and of sale.generation-begun. ce_time says when.
type ChangedSale struct {
	// Sale is the sale's number, Slug its name in addresses.
	Sale int64  `json:"sale"`
	Slug string `json:"slug"`
	// Generation counts the sale's beginnings, from 1.
	Generation int64 `json:"generation"`
	// State is what the sale is now: draft, scheduled, open, paused, closing or closed.
	State string `json:"state"`
	// Total is the number of units of a generation that has begun; absent from sale.state-changed.
	Total int64 `json:"total,omitempty"`
}
