package api

import (
	"net/http"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/sale"
)

type checkDocument struct {
	HasPurchased bool            `json:"hasPurchased"`
	PurchaseID   uuid.UUID       `json:"purchaseId,omitzero"`
	Unit         int64           `json:"unit,omitzero"`
	Timestamp    request.Instant `json:"timestamp,omitzero"`
}

// Check says whether a shopper has bought. A name without an account is no error: it has bought nothing.
func (hs *Handlers) Check(c echo.Context) error {
	slug, err := request.Slug(c)
	if err != nil {
		return err
	}
	name, err := request.NormalName(request.Param(c, fieldIdentifier), fieldIdentifier)
	if err != nil {
		return err
	}
	who := hs.cfg.Principals.Of(c.Request())
	if err := who.MayAsk(name); err != nil {
		return err
	}
	r, found, err := hs.cfg.Checkout.Receipt(c.Request().Context(), slug, name)
	if err != nil {
		return err
	}
	if request.WantsPage(c.Request()) {
		return hs.cfg.Pages.Checked(c, name, r, found)
	}
	d := checkDocument{}
	if found {
		d = checkDocument{HasPurchased: true, PurchaseID: r.OrderID, Unit: r.Unit, Timestamp: request.Instant(r.At)}
	}
	return request.WriteJSON(c, http.StatusOK, d)
}

// claimDocument is what became of a claim: the receipt, the problem, or that it is not decided yet.
type claimDocument struct {
	State      sale.ClaimStatus `json:"state"`
	Success    bool             `json:"success"`
	Pending    bool             `json:"pending,omitzero"`
	Message    string           `json:"message"`
	ClaimID    uuid.UUID        `json:"claimId"`
	PurchaseID uuid.UUID        `json:"purchaseId,omitzero"`
	Unit       int64            `json:"unit,omitzero"`
	UserID     string           `json:"userId,omitzero"`
	Timestamp  request.Instant  `json:"timestamp,omitzero"`
	Type       string           `json:"type,omitzero"`
	Title      string           `json:"title,omitzero"`
	Status     int              `json:"status,omitzero"`
	Detail     string           `json:"detail,omitzero"`
}

// Claim says what became of a claim. The Location of a 202 points here. Nobody can guess an id, so every client that has one may ask.
func (hs *Handlers) Claim(c echo.Context) error {
	slug, err := request.Slug(c)
	if err != nil {
		return err
	}
	where, _, err := request.QueryValue(c, "at")
	if err != nil {
		return err
	}
	id, at, err := request.ClaimNamed(request.Param(c, "id"), where)
	if err != nil {
		return err
	}
	st, err := hs.cfg.Checkout.Claim(c.Request().Context(), id, at)
	if err != nil {
		return err
	}
	if st.State == sale.ClaimGone {
		return request.ErrNotBoughtYet
	}
	if st.State == sale.ClaimPending {
		h := c.Response().Header()
		h.Set("Retry-After", "1")
		h.Set("Location", request.ClaimPath(slug, id, at))
	}
	if request.WantsPage(c.Request()) {
		return hs.cfg.Pages.Claimed(c, id, at, st)
	}
	d := claimOf(id, st)
	if d.Pending {
		return request.WriteJSON(c, http.StatusAccepted, d)
	}
	return request.WriteJSON(c, http.StatusOK, d)
}

func claimOf(id uuid.UUID, st sale.ClaimState) claimDocument {
	d := claimDocument{State: st.State, ClaimID: id, UserID: st.Username, Timestamp: request.Instant(st.At)}
	switch st.State {
	case sale.ClaimOrdered:
		d.Success, d.Message = true, messageBought
		d.PurchaseID, d.Unit, d.Timestamp = st.Receipt.OrderID, st.Receipt.Unit, request.Instant(st.Receipt.At)
	case sale.ClaimDeclined:
		k := request.ReasonKind(st.Reason)
		d.Type, d.Title, d.Status, d.Detail, d.Message = "/problems/"+k.Name, k.Title, k.Status, k.Message, k.Message
	case sale.ClaimPending, sale.ClaimGone: // a claim that is gone is a problem of its own, and does not come here
		d.Pending, d.Message = true, messagePending
	}
	return d
}
