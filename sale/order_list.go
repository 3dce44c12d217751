package sale

import (
	"bytes"
	"time"

	"github.com/google/uuid"
)

// The states that an order can be in.
const (
	// OrderConfirmed is that of a live order.
	OrderConfirmed OrderState = "confirmed"
	// OrderCancelled is that of an order that an operator took back.
	OrderCancelled OrderState = "cancelled"
)

// OrderState is the state of an order, as its row has it.
type OrderState string

// OrderStates lists them all.
func OrderStates() []OrderState { return []OrderState{OrderConfirmed, OrderCancelled} }

// OrderFilter says which orders of one generation are meant. The zero value of each field asks for nothing.
type OrderFilter struct {
	State OrderState
	// From and Until bound the time of the decision: From belongs to it, Until does not.
	From, Until time.Time
	// Unit is the number of a unit: who has it, and who had it.
	Unit int64
}

// OrderPlace is the place of an order in the list of its generation: the highest unit comes first, and of the orders that had one
// unit after another the one with the greatest id. Units are given out in their order, so the list begins with the newest orders, but
// for those of units that came back. Neither the unit nor the id of an order changes, so a place stays valid when orders are added
// and cancelled.
type OrderPlace struct {
	Unit int64
	ID   uuid.UUID
}

// OrderPageRequest says which page of a list is wanted. The zero value, with a Limit, is the first one.
type OrderPageRequest struct {
	// Beside is the place that the page begins after. The zero value is that of no order: the list's end.
	Beside OrderPlace
	// Back asks for the page that comes before Beside. Without a place it is the last page of the list.
	Back  bool
	Limit int
}

// ListedOrder is an order in a list, as it was at one moment.
type ListedOrder struct {
	Receipt
	State OrderState
	// PressedAt is zero where it is not known. DecidedAt is when the ledger decided, CancelledAt when an operator cancelled it or zero.
	PressedAt, DecidedAt, CancelledAt time.Time
	// RequestID is that of the purchase request that bought it; uuid.Nil: not known.
	RequestID uuid.UUID
}

// Place is that of the order in the list of its generation.
func (o *ListedOrder) Place() OrderPlace { return OrderPlace{o.Unit, o.OrderID} }

// Before reports whether the place comes before another one in the list.
func (p OrderPlace) Before(other OrderPlace) bool {
	if p.Unit != other.Unit {
		return p.Unit > other.Unit
	}
	return bytes.Compare(p.ID[:], other.ID[:]) > 0
}

// OrderPage is a part of a list.
type OrderPage struct {
	Orders []ListedOrder
	// Earlier and Later say whether there may be orders before and after those of the page in the list.
	Earlier, Later bool
}

// DeclinedAttempt is a claim that got no unit.
type DeclinedAttempt struct {
	ClaimID   uuid.UUID
	Attempt   int
	Reason    Reason
	DecidedAt time.Time
}

// OrderIDs are the ids whose OrderNumber is number, from the lowest to the highest. Small letters, missing dashes, and the letters O, I
// and L in place of the digits that they look like are taken. false: it is no order number.
func OrderIDs(number string) (lowest, highest uuid.UUID, ok bool) {
	var bits uint64
	digits := 0
	for _, r := range number {
		if r == '-' || r == ' ' {
			continue
		}
		value, known := orderDigit(r)
		if digits++; !known || digits > orderDigits {
			return lowest, highest, false
		}
		bits = bits<<5 | uint64(value)
	}
	if digits != orderDigits {
		return lowest, highest, false
	}
	const free = 64 - 5*orderDigits
	for i := range 8 {
		lowest[i] = byte(bits << free >> (56 - 8*i))
		highest[i] = byte((bits<<free | (1<<free - 1)) >> (56 - 8*i))
	}
	for i := 8; i < len(highest); i++ {
		highest[i] = 0xff
	}
	return lowest, highest, true
}

const orderDigits = 9

// orderDigit reads one digit of an order number as a person may write it.
func orderDigit(r rune) (value int, ok bool) {
	switch r {
	case 'o', 'O':
		return 0, true
	case 'i', 'I', 'l', 'L':
		return 1, true
	}
	if 'a' <= r && r <= 'z' {
		r -= 'a' - 'A'
	}
	for at, digit := range "0123456789ABCDEFGHJKMNPQRSTVWXYZ" {
		if r == digit {
			return at, true
		}
	}
	return 0, false
}
