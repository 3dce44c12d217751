package lists

import (
	"net/http"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"flashsale/app/operator"
	"flashsale/app/web/request"
	"flashsale/sale"
	"flashsale/users"
)

// shopperDocument is an account as operators see it.
type shopperDocument struct {
	ID            int64           `json:"id"`
	Username      string          `json:"username"`
	Email         string          `json:"email,omitzero"`
	EmailVerified bool            `json:"emailVerified"`
	CanPurchase   bool            `json:"canPurchase"`
	Archived      bool            `json:"archived,omitzero"`
	Erased        bool            `json:"erased,omitzero"`
	CreatedAt     request.Instant `json:"createdAt"`
	UpdatedAt     request.Instant `json:"updatedAt"`
}

func shopperOf(a *users.Listed) shopperDocument {
	return shopperDocument{
		ID: a.ID, Username: a.Username, Email: a.Email, EmailVerified: a.EmailVerified, CanPurchase: a.MayPurchase,
		Archived: a.Archived, Erased: a.Erased, CreatedAt: request.Instant(a.CreatedAt), UpdatedAt: request.Instant(a.UpdatedAt),
	}
}

type shopperListDocument struct {
	Shoppers []shopperDocument `json:"shoppers"`
	AgeMS    int64             `json:"ageMs,omitzero"`
	Pages    pageLinks         `json:"pages"`
}

// Shoppers lists accounts, archived ones too: all of them, the oldest first, or those whose username begins with q, or whose address
// does when q has an "@".
func (hs *Handlers) Shoppers(c echo.Context) error {
	q, err := shopperSearch(c)
	if err != nil {
		return err
	}
	ctx, by := hs.reading(c)
	found, err := hs.cfg.Desk.Shoppers(ctx, q)
	if err != nil {
		return err
	}
	d := shopperListDocument{AgeMS: by.Age().Milliseconds(), Shoppers: make([]shopperDocument, 0, len(found.Accounts))}
	for i := range found.Accounts {
		d.Shoppers = append(d.Shoppers, shopperOf(&found.Accounts[i]))
	}
	d.Pages = shopperLinks(c, &found)
	d.Pages.set(c)
	return request.WriteJSON(c, http.StatusOK, d)
}

// shopperLinks lead to the other pages of the list.
func shopperLinks(c echo.Context, found *users.Found) pageLinks {
	if len(found.Accounts) == 0 {
		return pageLinks{}
	}
	first, last := cursor{number: found.First.ID, text: found.First.Key}, cursor{number: found.Last.ID, text: found.Last.Key}
	return linksOf(c, shopperCursor, first, last, found.Earlier, found.Later)
}

func shopperSearch(c echo.Context) (q users.Search, err error) {
	if _, q.Prefix, err = queryName(c, "q"); err != nil {
		return q, err
	}
	if q.Limit, err = queryListSize(c); err != nil {
		return q, err
	}
	at, err := cursorOf(c, shopperCursor)
	if err != nil {
		return q, err
	}
	q.Back, q.Beside = at.back, users.Beside{ID: at.number, Key: at.text}
	if at.text != "" {
		// A key is in the form in which names are compared.
		if key, err := users.NormalName(at.text); err != nil || key != at.text {
			return q, badCursor()
		}
	}
	return q, nil
}

// shopperDetailDocument is what is known of one account.
type shopperDetailDocument struct {
	shopperDocument
	Role   string         `json:"role,omitzero"`
	Orders []shopperOrder `json:"orders"`
	// MoreOrders is true when there are more than the newest ones here.
	MoreOrders bool             `json:"moreOrders,omitzero"`
	Sessions   []shopperSession `json:"sessions"`
	// AgeMS is how old the orders are at most, in milliseconds; absent when they were read from the primary, as the rest is.
	AgeMS int64 `json:"ageMs,omitzero"`
}

type shopperOrder struct {
	PurchaseID  uuid.UUID       `json:"purchaseId"`
	OrderNumber string          `json:"orderNumber"`
	Sale        string          `json:"sale"`
	Product     string          `json:"product"`
	Generation  int64           `json:"generation"`
	Unit        int64           `json:"unit"`
	State       sale.OrderState `json:"state"`
	Timestamp   request.Instant `json:"timestamp"`
	Cancelled   request.Instant `json:"cancelledAt,omitzero"`
}

// shopperSession is a session that has not ended: since when, until when, and from where.
type shopperSession struct {
	Created request.Instant `json:"createdAt"`
	Renewed request.Instant `json:"renewedAt"`
	Expires request.Instant `json:"expiresAt"`
	Network string          `json:"network"`
	Agent   string          `json:"agent"`
}

// Shopper shows the account whose username, or address, is in the path.
func (hs *Handlers) Shopper(c echo.Context) error {
	name, err := shopperNamed(c)
	if err != nil {
		return err
	}
	ctx, by := hs.reading(c)
	s, err := hs.cfg.Desk.Shopper(ctx, name)
	if err != nil {
		return err
	}
	d := shopperDetailOf(&s)
	d.AgeMS = by.Age().Milliseconds()
	return request.WriteJSON(c, http.StatusOK, d)
}

// shopperNamed is the name in the path. One that nobody can have is answered like one that nobody has.
func shopperNamed(c echo.Context) (string, error) {
	name, err := users.NormalName(request.Param(c, "name"))
	if err != nil {
		return "", request.ErrNoAccount
	}
	return name, nil
}

func shopperDetailOf(s *operator.ShopperDetail) shopperDetailDocument {
	d := shopperDetailDocument{
		shopperDocument: shopperOf(&s.Listed), Role: s.Role.String(), MoreOrders: s.MoreOrders,
		Orders: make([]shopperOrder, 0, len(s.Orders)), Sessions: make([]shopperSession, 0, len(s.Sessions)),
	}
	for i := range s.Orders {
		o := &s.Orders[i]
		state := sale.OrderConfirmed
		if !o.CancelledAt.IsZero() {
			state = sale.OrderCancelled
		}
		d.Orders = append(d.Orders, shopperOrder{
			o.OrderID, sale.OrderNumber(o.OrderID), o.Slug, o.Product, o.Generation, o.Unit, state, request.Instant(o.At), request.Instant(o.CancelledAt),
		})
	}
	for i := range s.Sessions {
		one := &s.Sessions[i]
		d.Sessions = append(d.Sessions, shopperSession{
			request.Instant(one.Created), request.Instant(one.Renewed), request.Instant(one.Expires), one.Origin.Network, one.Origin.Agent,
		})
	}
	return d
}
