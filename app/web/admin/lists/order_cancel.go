package lists

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"strconv"

	"github.com/labstack/echo/v4"

	"flashsale/app/operator"
	"flashsale/app/web/desk"
	"flashsale/app/web/request"
	"flashsale/sale"
	views "flashsale/views/admin"
	"flashsale/views/text"
)

const (
	cancelRoute = "/api/admin/orders/:id/cancel"
	fieldReason = "reason"
)

// CancelPage says what a cancellation will do before it is done, and asks why.
func (hs *Handlers) CancelPage(c echo.Context) error {
	h, err := hs.orderNamed(c.Request().Context(), c)
	if err != nil {
		return err
	}
	return hs.cfg.Frame.Send(c, http.StatusOK, views.OrderCancelPage(hs.cancelStep(c, &h, nil)))
}

// cancelStep is the step page with what was typed before.
func (hs *Handlers) cancelStep(c echo.Context, h *operator.OrderHistory, typed url.Values) views.OrderStep {
	ctx := desk.Speaking(c.Request())
	number, zone := sale.OrderNumber(h.OrderID), hs.clock(h.Slug)
	step := views.OrderStep{
		Desk: hs.cfg.Frame.Page(c, desk.Orders, text.Say(ctx, "Cancel order %s?", number)), Number: number, Back: orderAddress(&h.DeskOrder),
		Action: "/api/admin/orders/" + h.OrderID.String() + "/cancel", Key: rand.Text(),
		Facts: []views.Fact{
			{Label: text.Say(ctx, "Unit"), Value: strconv.FormatInt(h.Unit, 10)},
			{Label: text.Say(ctx, "Shopper"), Value: whoseText(ctx, &h.DeskOrder)},
			{Label: text.Say(ctx, "Sale"), Value: text.Say(ctx, "%s, generation %s", h.Slug, strconv.FormatInt(h.Generation, 10))},
			{Label: text.Say(ctx, "Decided"), Value: momentAt(h.DecidedAt, zone).Text},
		},
		Effects: hs.cancelEffects(ctx, h),
		Reason: views.Input{
			Name: fieldReason, Label: text.Say(ctx, "Why"), Type: "area", MaxLength: strconv.Itoa(request.MaxReason), Value: typed.Get(fieldReason),
			Hint: text.Say(ctx, "It goes into the audit log, and operators read it at the order. The shopper does not."),
		},
	}
	if h.State == sale.OrderCancelled {
		step.Off = text.Say(ctx, "The order was cancelled at %s. There is nothing left to cancel.", momentAt(h.CancelledAt, zone).Text)
	}
	return step
}

func whoseText(ctx context.Context, o *operator.DeskOrder) string {
	if who := shopperIn(o); who.Name != "" {
		return who.Name
	}
	return text.Say(ctx, "Erased account")
}

// cancelEffects say what will happen to the unit, to the shopper, to the receipt, and what will not happen.
func (hs *Handlers) cancelEffects(ctx context.Context, h *operator.OrderHistory) []string {
	unit := text.Say(ctx, "Unit %d is free again. The sale takes no presses now, so nobody gets it unless that changes.", h.Unit)
	again := text.Say(ctx, "The shopper's orders say that it was cancelled.")
	s, err := hs.cfg.Catalog.Snapshot(h.Slug)
	switch {
	case err == nil && s.Generation != h.Generation:
		unit = text.Say(ctx, "Unit %d goes back to the stock of generation %d, which is over. Nobody can buy it any more.", h.Unit, h.Generation)
	case err == nil && s.State == sale.Open:
		unit = text.Say(ctx, "Unit %d is free again at once, and may be sold to whoever presses next.", h.Unit)
		again = text.Say(ctx, "The shopper's orders say that it was cancelled, and the shopper may buy again.")
	}
	return []string{
		unit, again,
		text.Say(ctx, "The receipt's address says that the order was cancelled, and no longer shows a valid receipt."),
		text.Say(ctx, "Other systems are told by the event order.cancelled. No mail is sent, and no money is paid back: see to that yourself."),
		text.Say(ctx, "It cannot be taken back."),
	}
}

// refusedCancel shows the step page again, with why the cancellation was refused and what was typed.
func (hs *Handlers) refusedCancel(c echo.Context, p request.Problem, form url.Values) (bool, error) {
	h, err := hs.orderNamed(c.Request().Context(), c)
	if err != nil {
		return false, nil //nolint:nilerr // there is no order to show; the problem's own page says why
	}
	step := hs.cancelStep(c, &h, form)
	step.Problem = desk.Sentence(p)
	if desk.Undecided(p) {
		step.Key = form.Get("Idempotency-Key")
	}
	for _, e := range p.Errors {
		if e.Field == fieldReason {
			ctx := desk.Speaking(c.Request())
			step.Problem = text.Say(ctx, "Nothing was done. Please look at what is marked.")
			step.Reason.Error = text.Say(ctx, "Please say why, in 1 to %d characters of plain text.", request.MaxReason)
		}
	}
	return true, hs.cfg.Frame.Send(c, p.Status, views.OrderCancelPage(step))
}
