package session

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/views/account"
	"flashsale/views/layout"
)

// mostOrders is how many of the newest orders are shown.
const mostOrders = 100

type orderDocument struct {
	PurchaseID uuid.UUID `json:"purchaseId"`
	Product    string    `json:"product"`
	Sale       string    `json:"sale"`
	// SaleURL is the address of the sale.
	SaleURL    string           `json:"saleUrl"`
	Generation int64            `json:"generation"`
	Unit       int64            `json:"unit"`
	Timestamp  request.Instant  `json:"timestamp"`
	Cancelled  *request.Instant `json:"cancelledAt,omitempty"`
}

type ordersDocument struct {
	Orders []orderDocument `json:"orders"`
}

// Orders lists what one has bought, in all sales.
func (hs *Handlers) Orders(c echo.Context) error {
	who, err := hs.signedIn(c)
	if err != nil {
		return err
	}
	list, err := hs.cfg.Orders.OrdersOf(c.Request().Context(), who.Account, mostOrders)
	if err != nil {
		return err
	}
	private(c)
	if !request.WantsPage(c.Request()) {
		d := ordersDocument{Orders: make([]orderDocument, 0, len(list))}
		for i := range list {
			o := &list[i]
			one := orderDocument{PurchaseID: o.OrderID, Product: o.Product, Sale: o.Slug, SaleURL: saleURL(o.Slug), Generation: o.Generation, Unit: o.Unit, Timestamp: request.Instant(o.At)}
			if !o.CancelledAt.IsZero() {
				at := request.Instant(o.CancelledAt)
				one.Cancelled = &at
			}
			d.Orders = append(d.Orders, one)
		}
		return request.WriteJSON(c, http.StatusOK, d)
	}
	page := account.Orders{Page: account.Page{
		Frame: hs.frame(c, say(c, "Your orders")), Links: []layout.Link{{Label: say(c, "Back to the account"), Path: "/account"}},
	}, More: len(list) == mostOrders}
	for i := range list {
		o := &list[i]
		page.List = append(page.List, account.Order{
			ID: o.OrderID.String(), Product: o.Product, Sale: o.Slug, SaleURL: saleURL(o.Slug), Unit: strconv.FormatInt(o.Unit, 10), At: moment(c, o.At), Cancelled: !o.CancelledAt.IsZero(),
			Receipt: hs.cfg.ReceiptPath(o.Receipt),
		})
	}
	return hs.send(c, http.StatusOK, account.OrdersPage(page))
}

// saleURL is the address of a sale, also of one that is over.
func saleURL(slug string) string { return "/api/sales/" + url.PathEscape(slug) + "/status" }
