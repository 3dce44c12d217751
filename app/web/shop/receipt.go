package shop

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/sale"
	"flashsale/views/layout"
	"flashsale/views/shop"
	"flashsale/views/text"
)

// receiptTime bounds the look at an order. A shopper is told sooner that the receipt is safe than that it cannot be read.
const receiptTime = 3 * time.Second

// receiptDocument has the fields of the purchase's answer, and what the page shows besides. It has no address.
type receiptDocument struct {
	Success      bool             `json:"success"`
	Message      string           `json:"message"`
	PurchaseID   uuid.UUID        `json:"purchaseId"`
	OrderNumber  string           `json:"orderNumber"`
	UserID       string           `json:"userId"`
	Timestamp    request.Instant  `json:"timestamp"`
	Unit         int64            `json:"unit"`
	Product      string           `json:"product"`
	Price        string           `json:"price"`
	PriceMinor   int64            `json:"price_minor"`
	CurrencyCode string           `json:"currency_code"`
	CancelledAt  *request.Instant `json:"cancelledAt,omitempty"`
}

// kept is an order with what was sold, found by the secret of its receipt.
type kept struct {
	sale.Order
	// secret is that of the address.
	secret string
}

func (k *kept) cancelled() bool { return !k.CancelledAt.IsZero() }

// receiptPath is the path of a receipt's page, "" when it cannot be made. Whoever has it can see the receipt, so it is for the owner only.
func (hs *Handlers) receiptPath(r sale.Receipt) string {
	return request.ReceiptPath(hs.cfg.Links.ReceiptSecret(r))
}

// ownReceiptPath is receiptPath when the request is known to be the owner's, else "". A receipt is also shown to operators who look
// somebody up, and to whoever has the id of a claim. In demo mode the owner is whoever the request names.
func (hs *Handlers) ownReceiptPath(c echo.Context, r sale.Receipt) string {
	who := hs.cfg.Principals.Of(c.Request())
	if !hs.cfg.Principals.Demo && (!who.SignedIn() || who.Account() != r.UserID) {
		return ""
	}
	return hs.receiptPath(r)
}

// linkReceipt gives an outcome that shows a receipt the way to its page, when its owner asks.
func (hs *Handlers) linkReceipt(c echo.Context, outcome *shop.Outcome, r sale.Receipt) {
	if outcome.Receipt != nil {
		outcome.Receipt.URL = hs.ownReceiptPath(c, r)
	}
}

// Receipt shows the receipt whose secret is in the path, as a page or as JSON. It costs one query; a secret that nobody was
// given costs none and is answered like every other address at which there is nothing.
func (hs *Handlers) Receipt(c echo.Context) error {
	k, err := hs.kept(c)
	if err != nil {
		return err
	}
	keepPrivately(c)
	if !request.WantsPage(c.Request()) {
		return request.WriteJSON(c, http.StatusOK, documentOf(k))
	}
	page, err := hs.receiptPageOf(c, k)
	if err != nil {
		return err
	}
	return hs.send(c, http.StatusOK, shop.ReceiptPage(page))
}

// keepPrivately lets the browser keep the page for the way back to it, and nobody else. It asks again before it shows the page
// anew, so that an erased receipt is not shown from its memory.
func keepPrivately(c echo.Context) {
	h := c.Response().Header()
	h.Set(echo.HeaderCacheControl, "private, no-cache")
	h.Set("Vary", "Accept")
}

func (hs *Handlers) kept(c echo.Context) (*kept, error) {
	if !hs.cfg.Links.Ready() {
		return nil, request.ErrReceiptAway
	}
	secret := request.Param(c, "secret")
	id, ok := hs.cfg.Links.ReceiptOrder(secret)
	if !ok {
		return nil, request.ErrNotFound
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), receiptTime)
	defer cancel()
	order, err := hs.cfg.Orders.Order(ctx, id)
	if err != nil {
		return nil, receiptError(err)
	}
	return &kept{Order: order, secret: secret}, nil
}

// receiptError says of a receipt that is not there what is said of any address, and of one that cannot be read that it is safe.
func receiptError(err error) error {
	switch {
	case errors.Is(err, sale.ErrNoOrder):
		return request.ErrNotFound
	case request.ProblemOf(err).Status == http.StatusServiceUnavailable:
		return request.ErrReceiptAway
	}
	return err
}

func documentOf(k *kept) receiptDocument {
	d := receiptDocument{
		Success: true, Message: "This is the receipt of the purchase", PurchaseID: k.OrderID, OrderNumber: sale.OrderNumber(k.OrderID),
		UserID: k.Username, Timestamp: request.Instant(k.At), Unit: k.Unit, Product: k.Sold.Name,
		Price:      request.Amount(k.Sold.PriceAfterDiscountMinor(), k.Sold.CurrencyCode),
		PriceMinor: k.Sold.PriceAfterDiscountMinor(), CurrencyCode: k.Sold.CurrencyCode,
	}
	if k.cancelled() {
		at := request.Instant(k.CancelledAt)
		d.Success, d.Message, d.CancelledAt = false, "The order was cancelled", &at
	}
	return d
}

func (hs *Handlers) receiptPageOf(c echo.Context, k *kept) (shop.KeptReceipt, error) {
	path := request.ReceiptPath(k.secret)
	address := request.Origin(c.Request(), hs.cfg.PublicURL) + path
	code, err := codeOf(address)
	if err != nil {
		return shop.KeptReceipt{}, err
	}
	number, assets := sale.OrderNumber(k.OrderID), hs.cfg.Brand.Assets()
	page := shop.KeptReceipt{
		Frame: layout.Frame{
			Assets: assets, Visitor: hs.visitor(c.Request()), Title: language(c).Say("Receipt %s", number), Still: true,
			Sheet: assets.ReceiptStyle, Times: assets.Times,
		},
		Number: number, OrderID: k.OrderID.String(), Unit: k.Unit, Username: k.Username,
		Product: k.Sold.Name, Price: request.Price(language(c), k.Sold.PriceAfterDiscountMinor(), k.Sold.CurrencyCode), Picture: pictureView(&k.Sold, k.Sold.Images.Main),
		Bought: momentOf(language(c), k.At), Address: address, Code: code, Calendar: path + "/calendar.ics",
	}
	if k.cancelled() {
		page.Cancelled = momentOf(language(c), k.CancelledAt)
		return page, nil
	}
	page.Next = []string{language(c).Say("There is nothing more to do on this page. Have the order number at hand when you ask the shop about your order.")}
	page.Important = k.Sold.ImportantInfo
	return page, nil
}

func momentOf(l text.Language, t time.Time) shop.Moment {
	return shop.Moment{Text: l.Moment(t), ISO: t.UTC().Format(request.InstantLayout)}
}
