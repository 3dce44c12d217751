package lists

import (
	"net/http"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"flashsale/app/operator"
	"flashsale/app/web/request"
	"flashsale/sale"
)

// orderDocument is an order as operators see it. Times that there are not, and the names of erased accounts, are left out.
type orderDocument struct {
	PurchaseID  uuid.UUID       `json:"purchaseId"`
	OrderNumber string          `json:"orderNumber"`
	Sale        string          `json:"sale"`
	Generation  int64           `json:"generation"`
	Unit        int64           `json:"unit"`
	State       sale.OrderState `json:"state"`
	Attempt     int             `json:"attempt"`
	// UserID is the username when the order was made; the shopper is who that is now.
	UserID  string          `json:"userId,omitzero"`
	Shopper shopperOfOrder  `json:"shopper"`
	Pressed request.Instant `json:"pressedAt,omitzero"`
	Decided request.Instant `json:"decidedAt"`
	// Cancelled is absent while the order is live.
	Cancelled request.Instant `json:"cancelledAt,omitzero"`
}

type shopperOfOrder struct {
	Account  int64  `json:"account"`
	Username string `json:"username,omitzero"`
	Email    string `json:"email,omitzero"`
	Archived bool   `json:"archived,omitzero"`
	Erased   bool   `json:"erased,omitzero"`
}

func orderOf(o *operator.DeskOrder) orderDocument {
	return orderDocument{
		PurchaseID: o.OrderID, OrderNumber: sale.OrderNumber(o.OrderID), Sale: o.Slug, Generation: o.Generation, Unit: o.Unit,
		State: o.State, Attempt: o.Attempt, UserID: o.Username,
		Shopper: shopperOfOrder{o.UserID, o.Person.Username, o.Person.Email, o.Person.Archived, o.Person.Erased},
		Pressed: request.Instant(o.PressedAt), Decided: request.Instant(o.DecidedAt), Cancelled: request.Instant(o.CancelledAt),
	}
}

type orderListDocument struct {
	Sale       string `json:"sale"`
	Generation int64  `json:"generation"`
	// Total and Sold are the stock of the generation; the list may be only a part of what was sold.
	Total int64 `json:"total"`
	Sold  int64 `json:"sold"`
	// MoreShoppers is true when more accounts have such a name than the search looks at.
	MoreShoppers bool            `json:"moreShoppers,omitzero"`
	Orders       []orderDocument `json:"orders"`
	// AgeMS is how old all this is at most, in milliseconds; absent when it was read from the primary.
	AgeMS int64     `json:"ageMs,omitzero"`
	Pages pageLinks `json:"pages"`
}

// Orders lists the orders of a generation, the highest unit first. q finds an order by its number or id in whichever sale it is, and
// the orders of the shoppers whose name or address begins so.
func (hs *Handlers) Orders(c echo.Context) error {
	q, err := orderQuery(c)
	if err != nil {
		return err
	}
	ctx, by := hs.reading(c)
	list, err := hs.cfg.Desk.Orders(ctx, q)
	if err != nil {
		return err
	}
	d := orderListDocument{
		Sale: list.Slug, Generation: list.Generation, Total: list.Total, Sold: list.Sold, MoreShoppers: list.MoreShoppers, AgeMS: by.Age().Milliseconds(),
		Orders: make([]orderDocument, 0, len(list.Orders)),
	}
	for i := range list.Orders {
		d.Orders = append(d.Orders, orderOf(&list.Orders[i]))
	}
	d.Pages = orderPages(c, &list)
	d.Pages.set(c)
	return request.WriteJSON(c, http.StatusOK, d)
}

// orderPages are the addresses of the pages before and after a page of orders.
func orderPages(c echo.Context, list *operator.OrderList) pageLinks {
	if len(list.Orders) == 0 {
		return pageLinks{}
	}
	place := func(o *operator.DeskOrder) cursor { return cursor{number: o.Unit, text: string(o.OrderID[:])} }
	return linksOf(c, orderCursor, place(&list.Orders[0]), place(&list.Orders[len(list.Orders)-1]), list.Earlier, list.Later)
}

// orderQuery reads which orders a request means.
func orderQuery(c echo.Context) (operator.OrderQuery, error) {
	q, err := orderFilter(c)
	if err != nil {
		return q, err
	}
	generation, err := request.QueryNumber(c, "generation", 1, 1<<31, 0)
	if err != nil {
		return q, err
	}
	q.Generation = int64(generation)
	if q.Text, _, err = queryName(c, "q"); err != nil {
		return q, err
	}
	if q.Filter.Unit, err = queryUnit(c); err != nil {
		return q, err
	}
	q.Page, err = orderPlaceOf(c)
	return q, err
}

// orderPlaceOf reads which page of the list a request means.
func orderPlaceOf(c echo.Context) (p sale.OrderPageRequest, err error) {
	if p.Limit, err = queryListSize(c); err != nil {
		return p, err
	}
	at, err := cursorOf(c, orderCursor)
	if err != nil {
		return p, err
	}
	p.Back = at.back
	if at.number == 0 && at.text == "" {
		return p, nil
	}
	p.Beside.Unit = at.number
	if p.Beside.ID, err = uuid.FromBytes([]byte(at.text)); err != nil || at.number == 0 {
		return p, badCursor()
	}
	return p, nil
}

// orderFilter reads what lists and exports have in common: the sale, the state and the time.
func orderFilter(c echo.Context) (q operator.OrderQuery, err error) {
	if q.Slug, err = queryText(c, "sale"); err != nil {
		return q, err
	}
	state, err := queryOne(c, "state", "must be confirmed or cancelled", string(sale.OrderConfirmed), string(sale.OrderCancelled))
	if err != nil {
		return q, err
	}
	q.Filter.State = sale.OrderState(state)
	q.Filter.From, q.Filter.Until, err = queryTimes(c)
	return q, err
}
