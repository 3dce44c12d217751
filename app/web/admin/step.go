package admin

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/desk"
	"flashsale/app/web/request"
	"flashsale/sale"
	views "flashsale/views/admin"
	"flashsale/views/text"
)

// stepPage says what an act will do before it is done.
func (hs *Handlers) stepPage(of saleAct) echo.HandlerFunc {
	return func(c echo.Context) error {
		snap, err := hs.snapshot(c)
		if err != nil {
			return err
		}
		given, err := url.ParseQuery(c.Request().URL.RawQuery)
		if err != nil {
			return request.BadField("query", "must be correctly encoded name=value pairs, separated by &")
		}
		return hs.cfg.Desk.Send(c, http.StatusOK, views.StepPage(hs.step(c, of, &snap, given)))
	}
}

func (hs *Handlers) step(c echo.Context, of saleAct, snap *sale.Snapshot, given url.Values) views.Step {
	ctx := desk.Speaking(c.Request())
	page := views.Step{
		Slug: snap.Slug, Name: productName(snap), Submit: of.label(ctx), Grave: of.grave, Facts: factsOf(ctx, snap),
		Action: "/api/admin/sales/" + snap.Slug + "/" + of.name, Ask: deskSale(snap.Slug) + "/" + of.name, Key: rand.Text(),
	}
	of.step(ctx, snap, given, &page)
	page.Desk = hs.desk(c, page.Heading)
	if !of.possible(snap) {
		page.Off = text.Say(ctx, "This is not possible now: the sale is in the state \"%s\".", views.State(snap.State).Label(ctx))
		if snap.Archived {
			page.Off = text.Say(ctx, "This is not possible now: the sale is archived. Bring it back first.")
		}
	}
	if !of.hurried {
		page.Revision = request.RevisionTag(snap.Revision)
		for _, s := range seenOf(ctx, snap) {
			page.Hidden = append(page.Hidden, views.Hidden{Name: s.field, Value: s.value})
		}
	}
	return page
}

// seen is a value of the sale that a step shows and sends along, so that a refusal can show it beside the present one.
type seen struct{ field, label, value string }

func seenOf(ctx context.Context, s *sale.Snapshot) []seen {
	return []seen{
		{"seenState", text.Say(ctx, "State"), views.State(s.State).Label(ctx)},
		{"seenStock", text.Say(ctx, "Stock"), strconv.FormatInt(s.Total, 10)},
		{"seenStart", text.Say(ctx, "Starts"), momentIn(s.StartsAt, s.Zone).Text},
		{"seenEnd", text.Say(ctx, "Ends"), momentIn(s.EndsAt, s.Zone).Text},
	}
}

func factsOf(ctx context.Context, s *sale.Snapshot) []views.Fact {
	return []views.Fact{
		{Label: text.Say(ctx, "State"), Value: views.State(s.State).Label(ctx)},
		{Label: text.Say(ctx, "Sold of total"), Value: text.Say(ctx, "%d of %d", s.Taken, s.Total)},
		{Label: text.Say(ctx, "Starts"), Value: momentIn(s.StartsAt, s.Zone).Text},
		{Label: text.Say(ctx, "Ends"), Value: momentIn(s.EndsAt, s.Zone).Text},
	}
}

func pauseStep(ctx context.Context, _ *sale.Snapshot, _ url.Values, page *views.Step) {
	page.Heading = text.Say(ctx, "Pause the sale?")
	page.Effects = []string{
		text.Say(ctx, "Nobody can buy until you resume. Presses that are not decided yet are declined."),
		text.Say(ctx, "Orders stay. The sale still ends at its end."),
	}
}

func resumeStep(ctx context.Context, s *sale.Snapshot, _ url.Values, page *views.Step) {
	page.Heading = text.Say(ctx, "Resume the sale?")
	page.Effects = []string{text.Say(ctx, "Shoppers can buy again at once. %d units are left.", s.Left())}
}

func openStep(ctx context.Context, s *sale.Snapshot, _ url.Values, page *views.Step) {
	page.Heading = text.Say(ctx, "Open the sale now?")
	page.Effects = []string{text.Say(ctx, "The sale opens at once, and not at %s. %d units are for sale.", momentIn(s.StartsAt, s.Zone).Text, s.Left())}
}

func scheduleStep(ctx context.Context, s *sale.Snapshot, _ url.Values, page *views.Step) {
	page.Heading = text.Say(ctx, "Schedule the sale?")
	page.Effects = []string{text.Say(ctx, "Shoppers see the sale, and it opens by itself at %s.", momentIn(s.StartsAt, s.Zone).Text)}
	if !s.Now.Before(s.StartsAt) {
		page.Effects = []string{text.Say(ctx, "Its start is past, so the sale opens at once. %d units are for sale.", s.Left())}
	}
}

func closeStep(ctx context.Context, s *sale.Snapshot, _ url.Values, page *views.Step) {
	page.Heading = text.Say(ctx, "Close the sale for good?")
	page.Effects = []string{
		text.Say(ctx, "The sale ends now, and not at %s. Presses made before still count.", momentIn(s.EndsAt, s.Zone).Text),
		text.Say(ctx, "%d units stay unsold. It begins again only by a reset.", s.Left()),
	}
}

func archiveStep(ctx context.Context, _ *sale.Snapshot, _ url.Values, page *views.Step) {
	page.Heading = text.Say(ctx, "Archive the sale?")
	page.Effects = []string{text.Say(ctx, "It leaves the lists, and shoppers are never led to it. Orders and receipts stay. It can be brought back.")}
}

func bringBackStep(ctx context.Context, _ *sale.Snapshot, _ url.Values, page *views.Step) {
	page.Heading = text.Say(ctx, "Bring the sale back?")
	page.Effects = []string{text.Say(ctx, "It is in the lists again, in the state that it has.")}
}

func extendStep(ctx context.Context, s *sale.Snapshot, given url.Values, page *views.Step) {
	page.Heading = text.Say(ctx, "Extend the sale")
	n, ok := number(given, fieldMinutes)
	if !ok || n < 1 || n > mostMinutes {
		page.Choices = []views.Choice{}
		page.Inputs = []views.Input{{
			Name: fieldMinutes, Label: text.Say(ctx, "By how many minutes"), Type: "number", Min: "1", Max: strconv.Itoa(mostMinutes), Mode: "numeric", Value: "15",
			Error: whenGiven(given, fieldMinutes, text.Say(ctx, "This is a whole number from 1 to %d.", mostMinutes)),
		}}
		return
	}
	end := s.EndsAt.Add(time.Duration(n) * time.Minute)
	page.Heading = text.Say(ctx, "Extend the sale by %d minutes?", n)
	page.Effects = []string{text.Say(ctx, "The sale ends at %s, and not at %s.", momentIn(end, s.Zone).Text, momentIn(s.EndsAt, s.Zone).Text)}
	if s.State == sale.Closed && s.Now.Before(end) {
		page.Effects = append(page.Effects, text.Say(ctx, "It is closed and opens again at once."))
	}
	page.Hidden = append(page.Hidden, views.Hidden{Name: fieldMinutes, Value: strconv.FormatInt(n, 10)})
}

// whenGiven is a complaint about a field, as long as something was given.
func whenGiven(given url.Values, field, complaint string) string {
	if !given.Has(field) {
		return ""
	}
	return complaint
}

func stockStep(ctx context.Context, s *sale.Snapshot, given url.Values, page *views.Step) {
	page.Heading = text.Say(ctx, "Change the stock")
	n, ok := number(given, fieldAmount)
	to, how := n, given.Get(fieldHow)
	switch how {
	case howAdd:
		to = s.Total + n
	case howTake:
		to = s.Total - n
	case howSet:
	default:
		how, ok = howSet, false
	}
	complaint := ""
	switch {
	case ok && to < s.Taken:
		ok, complaint = false, text.Say(ctx, "%d units are sold, so there cannot be fewer.", s.Taken)
	case !ok || n < 0 || to > maxStock:
		ok, complaint = false, whenGiven(given, fieldAmount, text.Say(ctx, "This is a whole number from 0 to %d.", maxStock))
	}
	if !ok {
		page.Choices = []views.Choice{{Name: fieldHow, Label: text.Say(ctx, "How"), Options: []views.Option{
			{Value: howSet, Label: text.Say(ctx, "Set it to"), Chosen: how == howSet},
			{Value: howAdd, Label: text.Say(ctx, "Add"), Chosen: how == howAdd},
			{Value: howTake, Label: text.Say(ctx, "Take away"), Chosen: how == howTake},
		}}}
		page.Inputs = []views.Input{{
			Name: fieldAmount, Label: text.Say(ctx, "Units"), Type: "number", Min: "0", Max: strconv.Itoa(maxStock), Mode: "numeric",
			Value: given.Get(fieldAmount), Error: complaint,
		}}
		return
	}
	page.Heading = text.Say(ctx, "Change the stock from %d to %d?", s.Total, to)
	page.Effects = []string{
		text.Say(ctx, "%d → %d, %d sold", s.Total, to, s.Taken),
		text.Say(ctx, "%d more can be bought then.", to-s.Taken),
	}
	page.Hidden = append(page.Hidden, views.Hidden{Name: fieldHow, Value: how}, views.Hidden{Name: fieldAmount, Value: strconv.FormatInt(n, 10)})
}

func messageStep(ctx context.Context, s *sale.Snapshot, given url.Values, page *views.Step) {
	page.Heading = text.Say(ctx, "Message to shoppers")
	field := string(sale.FieldMessage)
	message, err := sale.ReadMessage(given.Get(field))
	if !given.Has(field) || err != nil {
		in := views.Input{
			Name: field, Label: text.Say(ctx, "Message"), Type: "text", MaxLength: strconv.Itoa(sale.MaxMessage), Optional: true, Value: s.Message,
			Hint: text.Say(ctx, "One line, like: back at 10:15. Empty takes the message away."),
		}
		if err != nil {
			in.Value, in.Error = given.Get(field), text.Say(ctx, "This is one line of plain text, of at most %d characters.", sale.MaxMessage)
		}
		page.Inputs = []views.Input{in}
		return
	}
	page.Heading = text.Say(ctx, "Show this message to shoppers?")
	page.Effects = []string{text.Say(ctx, "Everybody who looks at the sale reads at once: %s", message)}
	if message == "" {
		page.Heading = text.Say(ctx, "Take the message away?")
		page.Effects = []string{text.Say(ctx, "Nobody reads it any more: %s", s.Message)}
	}
	page.Hidden = append(page.Hidden, views.Hidden{Name: field, Value: message})
}

func resetStep(ctx context.Context, s *sale.Snapshot, given url.Values, page *views.Step) {
	page.Heading = text.Say(ctx, "Reset the sale")
	total, ok := number(given, fieldUnits)
	if !ok || total < 0 || total > maxStock {
		page.Inputs = []views.Input{{
			Name: fieldUnits, Label: text.Say(ctx, "Units of the new generation"), Type: "number", Min: "0", Max: strconv.Itoa(maxStock), Mode: "numeric",
			Value: strconv.FormatInt(s.Total, 10), Error: whenGiven(given, fieldUnits, text.Say(ctx, "This is a whole number from 0 to %d.", maxStock)),
		}}
		return
	}
	page.Heading = text.Say(ctx, "Begin a new generation with %d units?", total)
	page.Effects = []string{text.Say(ctx, "Nothing is sold in it. Everybody can buy again, also who has bought before.")}
	switch {
	case s.Now.Before(s.StartsAt):
		page.Effects = append(page.Effects, text.Say(ctx, "It opens at %s.", momentIn(s.StartsAt, s.Zone).Text))
	case s.Now.Before(s.EndsAt):
		page.Effects = append(page.Effects, text.Say(ctx, "It opens at once, because the sale is between its start and its end."))
	default:
		page.Effects = append(page.Effects, text.Say(ctx, "It stays closed until it gets a later end, because its end is past."))
	}
	page.Hidden = append(page.Hidden, views.Hidden{Name: fieldUnits, Value: strconv.FormatInt(total, 10)})
	if s.Taken == 0 {
		return
	}
	page.Effects = append(page.Effects, text.Say(ctx, "%d orders belong to the generation that ends. They stay valid, with their receipts; the sale's figures no longer count them.", s.Taken),
		text.Say(ctx, "Only an owner can do that. It cannot be taken back."))
	page.Inputs = []views.Input{{Name: fieldConfirm, Label: text.Say(ctx, "Type %s to confirm", s.Slug), Type: "text", MaxLength: "63", Value: given.Get(fieldConfirm)}}
}

// Refused shows the page of a form again when its act was refused, with why. It is false for every other request, and for those who
// may not act.
func (hs *Handlers) Refused(c echo.Context, p request.Problem) (bool, error) {
	if picturesRoute(c) {
		return hs.refusedPicture(c, p)
	}
	form, ok := desk.RefusedForm(c, p)
	if !ok {
		return false, nil
	}
	name, found := strings.CutPrefix(c.Path(), request.AdminSale)
	switch {
	case c.Path() == "/api/admin/sales":
		return true, hs.refusedForm(c, p, form, creating)
	case !found:
		return false, nil
	case name == "":
		return true, hs.refusedForm(c, p, form, editing)
	case name == "/duplicate":
		return true, hs.refusedForm(c, p, form, duplicating)
	}
	of, known := actNamed(strings.TrimPrefix(name, "/"))
	if !known {
		return false, nil
	}
	snap, err := hs.snapshot(c)
	if err != nil {
		return false, nil //nolint:nilerr // there is no sale to show; the problem's own page says why
	}
	return true, hs.cfg.Desk.Send(c, p.Status, views.StepPage(hs.refusedStep(c, of, &snap, p, form)))
}

func (hs *Handlers) refusedStep(c echo.Context, of saleAct, snap *sale.Snapshot, p request.Problem, form url.Values) views.Step {
	ctx := desk.Speaking(c.Request())
	page := hs.step(c, of, snap, form)
	page.Problem = desk.Sentence(p)
	if desk.Undecided(p) {
		// It may have been done. The same form with the same key does it at most once.
		page.Key, page.Revision, page.Off = form.Get("Idempotency-Key"), form.Get("If-Match"), ""
		for i := range page.Hidden {
			page.Hidden[i].Value = form.Get(page.Hidden[i].Name)
		}
		return page
	}
	for i := range page.Inputs {
		for _, e := range p.Errors {
			if e.Field == page.Inputs[i].Name {
				page.Inputs[i].Error = e.Message
			}
		}
	}
	if p.PresentRevision == 0 {
		return page
	}
	for _, s := range seenOf(ctx, snap) {
		if was := form.Get(s.field); was != "" && was != s.value {
			page.Changed = append(page.Changed, views.Change{Label: s.label, Seen: was, Present: s.value})
		}
	}
	last, err := hs.history(ctx, snap)
	if at := slices.IndexFunc(last, func(e views.Event) bool { return e.Changed }); err == nil && at >= 0 {
		page.Changed = append(page.Changed, views.Change{Label: text.Say(ctx, "Last act"), Present: last[at].What + ", " + last[at].Who})
	}
	page.Changed = append(page.Changed, views.Change{
		Label: text.Say(ctx, "Revision"), Seen: strings.Trim(form.Get("If-Match"), `"`), Present: strconv.FormatInt(p.PresentRevision, 10),
	})
	return page
}
