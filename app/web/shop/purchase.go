package shop

import (
	"net/http"
	"strings"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/sale"
	"flashsale/views/shop"
)

// Purchase shows the outcome of a press. htmx gets it for the place beside the form, with the present figures; other
// browsers get the whole page. Reloading that page presses again, which is harmless: a shopper has one order at most.
func (hs *Handlers) Purchase(c echo.Context, a sale.Answer, name string) error {
	outcome, status := purchaseView(a)
	if a.Kind == sale.Pending {
		outcome.AskAgain = c.Response().Header().Get(echo.HeaderLocation)
	}
	if byHTMX(c) {
		parts := []templ.Component{shop.PurchaseOutcome(outcome)}
		if snapshot, err := hs.cfg.Catalog.Snapshot(""); err == nil {
			parts = append(parts, shop.StatusPartial(hs.panel(snapshot, nil)))
		}
		return hs.send(c, status, parts...)
	}
	home := hs.page(c)
	home.Username, home.Purchase = shown(name), &outcome
	return hs.send(c, status, shop.HomePage(home))
}

// purchaseView is the text for an answer and its status code, which is the same as in the API.
func purchaseView(a sale.Answer) (shop.Outcome, int) {
	switch a.Kind {
	case sale.Bought:
		return shop.Outcome{Tone: shop.Good, Title: "Success! The unit is yours.", Receipt: receiptView(a.Receipt)},
			http.StatusCreated
	case sale.AlreadyBought:
		return shop.Outcome{Tone: shop.Note, Title: "User has already purchased this item.",
			Text: "It is one unit per person. This is the receipt:", Receipt: receiptView(a.Receipt)}, http.StatusOK
	case sale.Pending:
		return shop.Outcome{Tone: shop.Note, Title: "Your purchase is being confirmed.",
			Text: "Your place is kept and the verdict follows. Pressing again changes nothing."}, http.StatusAccepted
	case sale.Unavailable, sale.Refused, sale.NotAuthorized, sale.UnknownShopper, sale.Overloaded, sale.TooOften:
	}
	k := request.AnswerKind(&a)
	outcome := refused(k.Problem(""))
	if starts := a.Sale.StartsAt; k == request.ErrNotStarted && !starts.IsZero() {
		outcome.Text += ". It starts at " + starts.UTC().Format(readableTime) + "."
	}
	return outcome, k.Status
}

func receiptView(r sale.Receipt) *shop.Receipt {
	return &shop.Receipt{
		Username: r.Username, OrderID: r.OrderID.String(), Unit: r.Unit,
		At: r.At.UTC().Format(readableTime), AtISO: r.At.UTC().Format(request.InstantLayout),
	}
}

// Checked shows whether name owns a unit.
func (hs *Handlers) Checked(c echo.Context, name string, r sale.Receipt, found bool) error {
	outcome := checkView(name, r, found)
	if byHTMX(c) {
		return hs.send(c, http.StatusOK, shop.CheckOutcome(outcome))
	}
	home := hs.page(c)
	home.Username, home.Check = shown(name), &outcome
	return hs.send(c, http.StatusOK, shop.HomePage(home))
}

// checkView says what the shopper of that name, as it was asked for, owns.
func checkView(name string, r sale.Receipt, found bool) shop.Outcome {
	if !found {
		return shop.Outcome{Tone: shop.Note, Title: "You haven't purchased this item yet"}
	}
	return shop.Outcome{Tone: shop.Good, Title: "You have already purchased this item!", Receipt: receiptView(r),
		Owner: strings.TrimSpace(name), Generation: r.Generation}
}

// check answers htmx when the button for the check is pressed.
func (hs *Handlers) check(c echo.Context, raw string) error {
	outcome, status := hs.checked(c, raw)
	return hs.send(c, status, shop.CheckOutcome(outcome))
}

// checked looks up what the shopper of that name owns.
func (hs *Handlers) checked(c echo.Context, raw string) (shop.Outcome, int) {
	if raw == "" {
		raw = hs.visitor(c.Request()).Username
	}
	r, found, err := hs.owned(c, raw)
	if err != nil {
		problem := request.ProblemOf(err)
		if problem.Status == http.StatusInternalServerError {
			hs.cfg.Log.Fault(c, err)
		}
		return refused(problem), problem.Status
	}
	return checkView(raw, r, found), http.StatusOK
}

func (hs *Handlers) owned(c echo.Context, raw string) (sale.Receipt, bool, error) {
	name, err := request.NormalName(raw, "username")
	if err != nil {
		return sale.Receipt{}, false, err
	}
	who := hs.cfg.Principals.Of(c.Request())
	if err := who.MayAsk(name); err != nil {
		return sale.Receipt{}, false, err
	}
	return hs.cfg.Receipts.Receipt(c.Request().Context(), "", name)
}
