package lists

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"flashsale/app/operator"
	"flashsale/app/web/desk"
	"flashsale/app/web/request"
	"flashsale/events"
	"flashsale/events/audit"
	"flashsale/sale"
	views "flashsale/views/admin"
	"flashsale/views/layout"
	"flashsale/views/text"
)

// cancelled is the notice of the page of an order that was cancelled just now.
const cancelled = "cancel"

// OrderPage shows an order with its whole history.
func (hs *Handlers) OrderPage(c echo.Context) error {
	reading, by := hs.reading(c)
	h, err := hs.orderNamed(reading, c)
	if err != nil {
		return err
	}
	ctx := desk.Speaking(c.Request())
	number := sale.OrderNumber(h.OrderID)
	page := views.OrderDetail{
		Desk: hs.cfg.Frame.Page(c, desk.Orders, text.Say(ctx, "Order %s", number)), Number: number, State: views.OrderState(h.State), Product: h.Product,
		Known: known(ctx, &h, hs.clock(h.Slug)), Receipt: receiptText(ctx, &h), Timeline: timeline(ctx, &h, hs.clock(h.Slug)),
		Around: []layout.Link{
			{Label: text.Say(ctx, "Who has unit %d, and who had it", h.Unit), Path: unitAddress(&h.DeskOrder)},
			{Label: text.Say(ctx, "All orders of the sale"), Path: desk.Orders + "?" + fieldSale + "=" + h.Slug},
		},
	}
	page.AsOf = asOf(ctx, by)
	if c.QueryParam("done") == cancelled && h.State == sale.OrderCancelled {
		page.Notice = text.Say(ctx, "The order is cancelled. By whom and why is said below.")
	}
	if page.MayAct && h.State == sale.OrderConfirmed {
		page.Cancel = orderAddress(&h.DeskOrder) + "/cancel"
	}
	return hs.cfg.Frame.Send(c, http.StatusOK, views.OrderPage(page))
}

// orderNamed is the order whose id is in the path.
func (hs *Handlers) orderNamed(ctx context.Context, c echo.Context) (operator.OrderHistory, error) {
	id, err := request.OrderID(request.Param(c, "id"))
	if err != nil {
		return operator.OrderHistory{}, err
	}
	return hs.cfg.Desk.Order(ctx, id)
}

// clock is the zone of a sale; UTC for a sale that this process does not know.
func (hs *Handlers) clock(slug string) *time.Location {
	s, err := hs.cfg.Catalog.Snapshot(slug)
	if err != nil {
		return time.UTC
	}
	return clockOf(s.Zone)
}

func known(ctx context.Context, h *operator.OrderHistory, zone *time.Location) []views.Known {
	all := []views.Known{
		{Label: text.Say(ctx, "Order number"), Value: sale.OrderNumber(h.OrderID), Code: true},
		{Label: text.Say(ctx, "Unit"), Value: strconv.FormatInt(h.Unit, 10)},
		{Label: text.Say(ctx, "Sale"), Value: h.Slug, Path: salePage(h.Slug)},
		{Label: text.Say(ctx, "Generation"), Value: strconv.FormatInt(h.Generation, 10)},
	}
	if who := shopperIn(&h.DeskOrder); who.Name == "" {
		all = append(all, views.Known{Label: text.Say(ctx, "Shopper"), Value: text.Say(ctx, "Erased account")})
	} else {
		all = append(all, views.Known{Label: text.Say(ctx, "Shopper"), Value: who.Name, Path: who.Path})
		if who.Email != "" {
			all = append(all, views.Known{Label: text.Say(ctx, "E-mail"), Value: who.Email})
		}
	}
	if h.Username != "" && h.Person.Username != "" && h.Username != h.Person.Username {
		all = append(all, views.Known{Label: text.Say(ctx, "Name when it was bought"), Value: h.Username})
	}
	all = append(all, views.Known{Label: text.Say(ctx, "Decided"), Value: momentAt(h.DecidedAt, zone).Text})
	if !h.CancelledAt.IsZero() {
		all = append(all, views.Known{Label: text.Say(ctx, "Cancelled"), Value: momentAt(h.CancelledAt, zone).Text})
	}
	return append(all, views.Known{Label: text.Say(ctx, "Purchase ID"), Value: h.OrderID.String(), Code: true})
}

func receiptText(ctx context.Context, h *operator.OrderHistory) string {
	switch receiptState(h) {
	case "erased":
		return text.Say(ctx, "The receipt's address says that the account was erased.")
	case "cancelled":
		return text.Say(ctx, "The receipt's address says that the order was cancelled, and when.")
	}
	return text.Say(ctx, "The receipt's address shows the receipt.")
}

// timeline is all that happened to an order, and to the claims of its shopper that got none, in the order of time.
func timeline(ctx context.Context, h *operator.OrderHistory, zone *time.Location) []views.Happening {
	type at struct {
		when time.Time
		views.Happening
	}
	var all []at
	add := func(when time.Time, tone, what string, detail ...string) {
		all = append(all, at{when, views.Happening{At: preciseAt(when, zone), What: what, Tone: tone, Detail: detail}})
	}
	for _, d := range h.Declines {
		add(d.DecidedAt, "", text.Say(ctx, "Another claim of this shopper got no unit"), declineText(ctx, d.Reason), text.Say(ctx, "Attempt %d.", d.Attempt))
	}
	pressed := []string{inLog(ctx, h)}
	if h.RequestID != uuid.Nil {
		pressed = append(pressed, text.Say(ctx, "Purchase request %s.", h.RequestID))
	}
	if h.PressedAt.IsZero() {
		add(h.DecidedAt, "", text.Say(ctx, "Pressed, at a time that is not known"), pressed...)
	} else {
		add(h.PressedAt, "", text.Say(ctx, "Pressed"), pressed...)
	}
	add(h.DecidedAt, "good", text.Say(ctx, "Verdict of the ledger: ordered, unit %d", h.Unit), text.Say(ctx, "Attempt %d.", h.Attempt))
	acts := h.Acts
	for _, e := range h.Events {
		if e.Type == events.TypeOrderCancelled {
			continue // after the act that caused it
		}
		add(e.At, "", text.Say(ctx, "Event %s for other systems", e.Type), publishedText(ctx, e.Published))
	}
	for i := range acts {
		at := acts[i].At
		if acts[i].Action == actCancel && !h.CancelledAt.IsZero() {
			at = h.CancelledAt // its record was written after that, in the same transaction
		}
		add(at, actTone(&acts[i]), actText(ctx, &acts[i]), actDetail(ctx, &acts[i])...)
	}
	for _, e := range h.Events {
		if e.Type == events.TypeOrderCancelled {
			add(e.At, "", text.Say(ctx, "Event %s for other systems", e.Type), publishedText(ctx, e.Published))
		}
	}
	slices.SortStableFunc(all, func(a, b at) int { return a.when.Compare(b.when) })
	happened := make([]views.Happening, len(all))
	for i := range all {
		happened[i] = all[i].Happening
	}
	return happened
}

func inLog(ctx context.Context, h *operator.OrderHistory) string {
	if h.OffsetKnown {
		return text.Say(ctx, "The claim is in the log: partition %d, offset %s.", h.Partition, strconv.FormatInt(h.Offset, 10))
	}
	return text.Say(ctx, "The claim was not found in the log: it was decided without it, or the log does not go back so far.")
}

func publishedText(ctx context.Context, published bool) string {
	if published {
		return text.Say(ctx, "It was published.")
	}
	return text.Say(ctx, "It is not certain yet that it was published.")
}

// preciseAt is momentAt with what tells a press from its verdict.
func preciseAt(t time.Time, zone *time.Location) views.Moment {
	m := momentAt(t, zone)
	if !t.IsZero() {
		m.Text = t.In(zone).Format("2006-01-02 15:04:05.000 MST")
	}
	return m
}

func actTone(a *audit.Recorded) string {
	if a.Action == actCancel {
		return "bad"
	}
	return "note"
}

// actCancel is what the audit log calls the act.
const actCancel = "order.cancel"

func actText(ctx context.Context, a *audit.Recorded) string {
	if a.Action == actCancel {
		return text.Say(ctx, "Cancelled by %s", a.Actor)
	}
	return text.Say(ctx, "%s by %s", desk.ActName(ctx, a.Action), a.Actor)
}

func actDetail(ctx context.Context, a *audit.Recorded) []string {
	by := desk.ByWhat(ctx, a)
	if why := reasonIn(a); why != "" {
		return []string{text.Say(ctx, "Reason: %s", why), by}
	}
	return []string{by}
}

func declineText(ctx context.Context, r sale.Reason) string {
	switch r {
	case events.ReasonSoldOut:
		return text.Say(ctx, "Sold out")
	case events.ReasonNotStarted:
		return text.Say(ctx, "Not started")
	case events.ReasonEnded:
		return text.Say(ctx, "Ended")
	case events.ReasonPaused:
		return text.Say(ctx, "Paused")
	case events.ReasonGenerationChanged:
		return text.Say(ctx, "Begun anew")
	case events.ReasonAlreadyOwns:
		return text.Say(ctx, "Had bought already")
	case events.ReasonAllClaimed:
		return text.Say(ctx, "All claimed")
	case events.ReasonUndecidable, events.ReasonOther:
	}
	return string(r)
}
