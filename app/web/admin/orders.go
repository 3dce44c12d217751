package admin

import (
	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
)

// maxReason is the longest reason of an act, in characters. What is said of a longer one names it.
const maxReason = 500

// cancelledOrder is an order that was taken back.
type cancelledOrder struct {
	PurchaseID  uuid.UUID       `json:"purchaseId"`
	UserID      string          `json:"userId"`
	Unit        int64           `json:"unit"`
	Generation  int64           `json:"generation"`
	Timestamp   request.Instant `json:"timestamp"`
	State       string          `json:"state"`
	CancelledAt request.Instant `json:"cancelledAt"`
}

type cancelDocument struct {
	Success bool           `json:"success"`
	Message string         `json:"message"`
	Order   cancelledOrder `json:"order"`
	changed
}

// CancelOrder takes an order back: its unit can be sold again, and its shopper may press again. An order that was
// cancelled before is answered like one that was cancelled now.
func (hs *Handlers) CancelOrder(c echo.Context) error {
	a, reason, err := hs.reasoned(c)
	if err != nil {
		return err
	}
	id, err := request.OrderID(request.Param(c, "id"))
	if err != nil {
		return err
	}
	done, err := hs.cfg.Operations.CancelOrder(c.Request().Context(), a, id, reason)
	if err != nil {
		return err
	}
	o := done.Order
	message := spoken(c).Say("The order is cancelled; its unit can be sold again")
	return hs.done(c, &done.Change, message, cancelDocument{
		Success: true, Message: message, changed: changedOf(&done.Change), Order: cancelledOrder{
			PurchaseID: o.OrderID, UserID: o.Username, Unit: o.Unit, Generation: o.Generation,
			Timestamp: request.Instant(o.At), State: "cancelled", CancelledAt: request.Instant(o.CancelledAt),
		},
	})
}
