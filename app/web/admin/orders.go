package admin

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
)

// maxReason is the longest reason of a cancellation, in characters.
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
	const field = "reason"
	a, v, err := hs.act(c, request.Spec{field: request.Text})
	if err != nil {
		return err
	}
	reason, _ := v[field].(string)
	if reason = strings.TrimSpace(reason); !plainText(reason, maxReason) {
		return request.BadField(field, "is required: 1 to "+strconv.Itoa(maxReason)+" characters of plain text, which go into the audit log")
	}
	id, err := orderID(request.Param(c, "id"))
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

// plainText is true for 1 to most characters. Of the control characters it allows line breaks and tabs.
func plainText(s string, most int) bool {
	n := utf8.RuneCountInString(s)
	return n > 0 && n <= most && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t'
	})
}

// orderID reads an order's id in its usual form. Any other text is answered like an id that no order has.
func orderID(raw string) (uuid.UUID, error) {
	const length = len("00000000-0000-0000-0000-000000000000")
	id, err := uuid.Parse(raw)
	if err != nil || len(raw) != length {
		return uuid.Nil, request.ErrNoOrder
	}
	return id, nil
}
