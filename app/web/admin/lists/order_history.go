package lists

import (
	"encoding/json"
	"net/http"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"flashsale/app/operator"
	"flashsale/app/web/request"
	"flashsale/events/audit"
	"flashsale/sale"
)

// historyDocument is everything that is known of an order.
type historyDocument struct {
	Order   orderDocument `json:"order"`
	Product string        `json:"product"`
	// Claim is where the press is in the claims log.
	Claim claimOfOrder `json:"claim"`
	// Receipt is what the address of the receipt shows: the receipt, that the order was cancelled, or that it was erased.
	Receipt   string            `json:"receipt"`
	Cancelled *cancelOfOrder    `json:"cancelled,omitzero"`
	Events    []eventOfOrder    `json:"events"`
	Declines  []declineDocument `json:"declines"`
	Acts      []auditDocument   `json:"acts"`
	AgeMS     int64             `json:"ageMs,omitzero"`
}

type claimOfOrder struct {
	ID uuid.UUID `json:"id"`
	// RequestID is that of the purchase request, if it is known.
	RequestID uuid.UUID `json:"requestId,omitzero"`
	Partition int       `json:"partition"`
	// Offset is null when the log does not have the claim: it was decided without the log, or is too old.
	Offset *int64 `json:"offset"`
}

// cancelOfOrder is who took the order back, when and why.
type cancelOfOrder struct {
	At     request.Instant `json:"at"`
	By     string          `json:"by,omitzero"`
	Reason string          `json:"reason,omitzero"`
}

type eventOfOrder struct {
	Type string          `json:"type"`
	At   request.Instant `json:"at"`
	// Published is false while it is not certain that the event was published.
	Published bool `json:"published"`
}

type declineDocument struct {
	ClaimID uuid.UUID       `json:"claimId"`
	Attempt int             `json:"attempt"`
	Reason  sale.Reason     `json:"reason"`
	Decided request.Instant `json:"decidedAt"`
}

// Order shows an order with its whole history.
func (hs *Handlers) Order(c echo.Context) error {
	id, err := request.OrderID(request.Param(c, "id"))
	if err != nil {
		return err
	}
	ctx, by := hs.reading(c)
	h, err := hs.cfg.Desk.Order(ctx, id)
	if err != nil {
		return err
	}
	d := historyOf(&h)
	d.AgeMS = by.Age().Milliseconds()
	return request.WriteJSON(c, http.StatusOK, d)
}

func historyOf(h *operator.OrderHistory) historyDocument {
	d := historyDocument{
		Order: orderOf(&h.DeskOrder), Product: h.Product, Claim: claimOfOrder{ID: h.OrderID, RequestID: h.RequestID, Partition: h.Partition},
		Receipt: receiptState(h), Events: []eventOfOrder{}, Declines: []declineDocument{}, Acts: auditDocuments(h.Acts),
	}
	if h.OffsetKnown {
		d.Claim.Offset = &h.Offset
	}
	for _, e := range h.Events {
		d.Events = append(d.Events, eventOfOrder{e.Type, request.Instant(e.At), e.Published})
	}
	for _, one := range h.Declines {
		d.Declines = append(d.Declines, declineDocument{one.ClaimID, one.Attempt, one.Reason, request.Instant(one.DecidedAt)})
	}
	if !h.CancelledAt.IsZero() {
		d.Cancelled = cancellationIn(h.Acts)
		d.Cancelled.At = request.Instant(h.CancelledAt)
	}
	return d
}

func receiptState(h *operator.OrderHistory) string {
	switch {
	case h.Person.Erased:
		return "erased"
	case !h.CancelledAt.IsZero():
		return "cancelled"
	}
	return "shown"
}

// cancellationIn finds who cancelled an order, and why.
func cancellationIn(acts []audit.Recorded) *cancelOfOrder {
	for i := range acts {
		if acts[i].Action == actCancel {
			return &cancelOfOrder{By: acts[i].Actor, Reason: reasonIn(&acts[i])}
		}
	}
	return &cancelOfOrder{}
}

// reasonIn is the reason that somebody gave for an act, or "".
func reasonIn(a *audit.Recorded) string {
	var detail struct {
		Reason string `json:"reason"`
	}
	if json.Unmarshal(a.Detail, &detail) != nil {
		return ""
	}
	return detail.Reason
}
