package api

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/events"
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
	id, err := claimID(request.Param(c, "id"))
	if err != nil {
		return err
	}
	where, _, err := request.QueryValue(c, "at")
	if err != nil {
		return err
	}
	at, err := logPosition(where)
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
		h.Set("Location", claimAddress(slug, &sale.Answer{ClaimID: id, Position: at}))
	}
	if request.WantsPage(c.Request()) {
		return hs.cfg.Pages.Purchase(c, claimAnswer(id, at, st), st.Username)
	}
	d := claimOf(id, st)
	if d.Pending {
		return request.WriteJSON(c, http.StatusAccepted, d)
	}
	return request.WriteJSON(c, http.StatusOK, d)
}

// claimID reads an id in its one usual form.
func claimID(raw string) (uuid.UUID, error) {
	id, err := uuid.Parse(raw)
	if err != nil || id.String() != raw {
		return uuid.Nil, request.ErrNoClaim
	}
	return id, nil
}

// logPosition reads "<partition>.<offset>"; "" is no position. A position that no claim can have is refused here, so that
// a client cannot make this process ask the log for it.
func logPosition(at string) (*events.Position, error) {
	if at == "" {
		return nil, nil
	}
	p, o, _ := strings.Cut(at, ".")
	partition, err := strconv.ParseUint(p, 10, 16)
	offset, err2 := strconv.ParseUint(o, 10, 63)
	if err != nil || err2 != nil || partition >= events.Partitions {
		return nil, request.WrongField(request.ErrPosition, "at", "must be <partition>.<offset>, as in the Location of the 202 answer")
	}
	return &events.Position{Partition: int(partition), Offset: int64(offset)}, nil
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

// claimAnswer is a claim's state as the answer to the purchase request that made it. The pages show it.
func claimAnswer(id uuid.UUID, at *events.Position, st sale.ClaimState) sale.Answer {
	a := sale.Answer{Kind: sale.Pending, ClaimID: id, Position: at, Username: st.Username}
	switch st.State {
	case sale.ClaimOrdered:
		a.Kind, a.Receipt = sale.Bought, st.Receipt
	case sale.ClaimDeclined:
		a.Kind, a.Reason = sale.Refused, st.Reason
	case sale.ClaimPending, sale.ClaimGone:
	}
	return a
}
