package shop

import (
	"net/http"
	"strings"

	"github.com/a-h/templ"
	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/events"
	"flashsale/sale"
	"flashsale/users/login/limits"
	"flashsale/views/shop"
	"flashsale/views/text"
)

// Purchase shows the outcome of a press. htmx gets it for its place above the form, with the present figures. Other browsers are
// redirected to the page that shows it, so that a reload presses nothing.
func (hs *Handlers) Purchase(c echo.Context, a sale.Answer, name string) error {
	if !byHTMX(c) {
		return hs.pressed(c, &a, name)
	}
	outcome, status := purchaseView(language(c), a)
	hs.linkReceipt(c, &outcome, a.Receipt)
	if a.Kind == sale.Pending {
		hs.follow(c, &outcome, name, a.ClaimID, a.Position)
	}
	if outcome.Receipt == nil {
		outcome.Shopper = shown(name)
	}
	return hs.send(c, status, hs.answered(c, shop.PurchaseOutcome(outcome))...)
}

// Claimed shows what became of a claim: to htmx in place of the pending answer, to other browsers by the page that they may reload.
func (hs *Handlers) Claimed(c echo.Context, id uuid.UUID, at *events.Position, st sale.ClaimState) error {
	if !byHTMX(c) {
		return c.Redirect(http.StatusSeeOther, hs.claimPage(c, "", id, at)+toOutcome)
	}
	outcome, status := hs.claimView(c, id, at, st)
	hs.linkReceipt(c, &outcome, st.Receipt)
	return hs.send(c, status, hs.answered(c, shop.PurchaseOutcome(outcome))...)
}

// answered is an answer with the figures as they are now, which the press may have changed.
func (hs *Handlers) answered(c echo.Context, answer templ.Component) []templ.Component {
	parts := []templ.Component{answer}
	if snapshot, err := hs.cfg.Catalog.Snapshot(slugOf(c)); err == nil {
		parts = append(parts, shop.StatusPartial(hs.panel(snapshot, nil)))
	}
	return parts
}

// claimView is a claim's state as the answer to the press that made it.
func (hs *Handlers) claimView(c echo.Context, id uuid.UUID, at *events.Position, st sale.ClaimState) (shop.Outcome, int) {
	a := sale.Answer{Kind: sale.Pending, ClaimID: id, Position: at, Username: st.Username}
	switch st.State {
	case sale.ClaimOrdered:
		a.Kind, a.Receipt = sale.Bought, st.Receipt
	case sale.ClaimDeclined:
		a.Kind, a.Reason = sale.Refused, st.Reason
	case sale.ClaimGone:
		problem := request.ErrNotBoughtYet.Problem("")
		return refused(language(c), problem), problem.Status
	case sale.ClaimPending:
	}
	outcome, status := purchaseView(language(c), a)
	if outcome.Receipt == nil {
		outcome.Shopper = shown(st.Username)
	}
	if a.Kind == sale.Pending {
		hs.follow(c, &outcome, st.Username, id, at)
	}
	return outcome, status
}

// follow makes a pending answer one that finds its verdict.
func (hs *Handlers) follow(c echo.Context, outcome *shop.Outcome, name string, id uuid.UUID, at *events.Position) {
	outcome.Claim, outcome.AskAgain = request.ClaimPath(slugOf(c), id, at), hs.claimPage(c, name, id, at)
}

// purchaseView is the text for an answer and its status code, which is the same as in the API.
func purchaseView(l text.Language, a sale.Answer) (shop.Outcome, int) {
	switch a.Kind {
	case sale.Bought:
		return boughtView(l, a.Receipt), http.StatusCreated
	case sale.AlreadyBought:
		if a.SameKey {
			return boughtView(l, a.Receipt), http.StatusOK
		}
		return repeatView(l, a.Receipt), http.StatusOK
	case sale.Pending:
		return shop.Outcome{Tone: shop.Note, Title: l.Say("Your purchase is being confirmed."),
			Text: l.Say("Your place is kept and the verdict follows. Pressing again changes nothing.")}, http.StatusAccepted
	case sale.Unavailable, sale.Refused, sale.NotAuthorized, sale.UnknownShopper, sale.Overloaded, sale.TooOften:
	}
	k := request.AnswerKind(&a)
	return refusalView(l, k, a.Sale), k.Status
}

// boughtView is said of a press that bought, and of every other one with its Idempotency-Key.
func boughtView(l text.Language, r sale.Receipt) shop.Outcome {
	return shop.Outcome{Tone: shop.Good, Title: l.Say("Success! The unit is yours."), Receipt: receiptView(l, r)}
}

// repeatView is said of a later press of the owner.
func repeatView(l text.Language, r sale.Receipt) shop.Outcome {
	return shop.Outcome{Tone: shop.Good, Title: l.Say("You have already purchased this item."), Receipt: receiptView(l, r)}
}

// refusalView says why a press bought nothing.
func refusalView(l text.Language, k *request.Kind, s sale.Snapshot) shop.Outcome {
	outcome := refused(l, k.Problem(""))
	if k == request.ErrNotStarted && !s.StartsAt.IsZero() {
		outcome.Text = l.Say("It starts at %s: the button opens by itself.", l.Moment(s.StartsAt))
	}
	return outcome
}

func receiptView(l text.Language, r sale.Receipt) *shop.Receipt {
	return &shop.Receipt{
		Username: r.Username, OrderID: r.OrderID.String(), Unit: r.Unit,
		At: l.Moment(r.At), AtISO: r.At.UTC().Format(request.InstantLayout),
	}
}

// Checked shows whether name owns a unit.
func (hs *Handlers) Checked(c echo.Context, name string, r sale.Receipt, found bool) error {
	outcome, err := hs.checkView(c, name, r, found)
	if err != nil {
		return err
	}
	if byHTMX(c) {
		return hs.send(c, http.StatusOK, hs.answered(c, shop.CheckOutcome(outcome))...)
	}
	home := hs.page(c, slugOf(c))
	home.Username, home.Check = shown(name), &outcome
	return hs.send(c, http.StatusOK, shop.HomePage(home))
}

// checkView says what the shopper of that name, as it was asked for, owns.
func (hs *Handlers) checkView(c echo.Context, name string, r sale.Receipt, found bool) (shop.Outcome, error) {
	if found {
		outcome := shop.Outcome{Tone: shop.Good, Title: language(c).Say("You have already purchased this item!"), Receipt: receiptView(language(c), r),
			Owner: strings.TrimSpace(name), Generation: r.Generation}
		hs.linkReceipt(c, &outcome, r)
		return outcome, nil
	}
	normal, err := request.NormalName(name, "username")
	if err != nil {
		return shop.Outcome{}, err
	}
	known, err := hs.cfg.Receipts.Known(c.Request().Context(), normal)
	switch {
	case err != nil:
		return shop.Outcome{}, err
	case !known:
		outcome := refused(language(c), request.ErrUnknownShopper.Problem(""))
		outcome.Shopper, outcome.Field = shown(name), nameField
		return outcome, nil
	}
	return shop.Outcome{Tone: shop.Note, Title: language(c).Say("You haven't purchased this item yet"), Shopper: shown(name)}, nil
}

// check answers htmx when the button for the check is pressed.
func (hs *Handlers) check(c echo.Context, raw string) error {
	outcome, status := hs.checked(c, raw)
	return hs.send(c, status, hs.answered(c, shop.CheckOutcome(outcome))...)
}

// checked looks up what the shopper of that name owns.
func (hs *Handlers) checked(c echo.Context, raw string) (shop.Outcome, int) {
	if raw == "" {
		raw = hs.visitor(c.Request()).Username
	}
	r, found, err := hs.owned(c, raw)
	if err == nil {
		var outcome shop.Outcome
		if outcome, err = hs.checkView(c, raw, r, found); err == nil {
			return outcome, http.StatusOK
		}
	}
	outcome, status := hs.failed(c, err)
	outcome.Shopper = shown(raw)
	return outcome, status
}

// failed is an error as an answer. A fault of ours is in the log.
func (hs *Handlers) failed(c echo.Context, err error) (shop.Outcome, int) {
	problem := request.ProblemOf(err)
	if problem.Status == http.StatusInternalServerError {
		hs.cfg.Log.Fault(c, err)
	}
	return refused(language(c), problem), problem.Status
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
	if err := hs.cfg.Limits.Allow(c, limits.API); err != nil {
		return sale.Receipt{}, false, err
	}
	return hs.cfg.Receipts.Receipt(c.Request().Context(), slugOf(c), name)
}
