package admin

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"flashsale/app/operator"
	"flashsale/app/web/desk"
	"flashsale/app/web/request"
	"flashsale/sale"
	views "flashsale/views/admin"
	"flashsale/views/layout"
	"flashsale/views/text"
)

// purpose is what a form about a sale is for.
type purpose int

const (
	creating purpose = iota
	editing
	duplicating
)

type createDocument struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
	saleDocument
}

// CreateSale makes a sale, as a draft.
func (hs *Handlers) CreateSale(c echo.Context) error {
	a, v, err := hs.act(c, creationSpec())
	if err != nil {
		return err
	}
	to, err := wholeCreation(v)
	if err != nil {
		return err
	}
	made, err := hs.cfg.Operations.Create(c.Request().Context(), a, to)
	return hs.made(c, &made, "create", slugTaken(err))
}

// DuplicateSale makes a draft like another sale.
func (hs *Handlers) DuplicateSale(c echo.Context) error {
	slug, a, v, err := hs.saleAct(c, creationSpec())
	if err != nil {
		return err
	}
	of, err := hs.cfg.Catalog.Snapshot(slug)
	if err != nil {
		return err
	}
	to, err := creation(v, of.Zone)
	if err != nil {
		return err
	}
	if to.StartsAt.IsZero() != to.EndsAt.IsZero() {
		return request.BadField(string(sale.FieldEnd), "must be given with the start, or both left out")
	}
	made, err := hs.cfg.Operations.Duplicate(c.Request().Context(), a, slug, to)
	return hs.made(c, &made, "duplicate", slugTaken(err))
}

// slugTaken names the field of a slug that another sale has.
func slugTaken(err error) error {
	if errors.Is(err, sale.ErrSlug) {
		return request.WrongField(request.ErrSlugTaken, fieldSlug, "is that of another sale, please choose another one")
	}
	return err
}

func (hs *Handlers) made(c echo.Context, made *sale.Snapshot, name string, err error) error {
	if err != nil {
		return err
	}
	request.SetRevision(c.Response().Header(), made.Revision)
	if request.WantsPage(c.Request()) {
		return c.Redirect(http.StatusSeeOther, deskSale(made.Slug)+"?done="+name)
	}
	c.Response().Header().Set("Location", "/api/admin/sales/"+made.Slug)
	return request.WriteJSON(c, http.StatusCreated, createDocument{Success: true, Message: "The sale is made, as a draft", saleDocument: saleOf(made)})
}

// NewSalePage is the form for a sale.
func (hs *Handlers) NewSalePage(c echo.Context) error {
	zone := "UTC"
	now := time.Now()
	if present, err := hs.cfg.Catalog.Snapshot(""); err == nil {
		zone, now = present.Zone, present.Now
	}
	start := now.In(zoneOf(zone)).Truncate(time.Hour).Add(24 * time.Hour)
	given := url.Values{
		string(sale.FieldZone): {zone}, fieldStart: {sale.WriteLocalTime(start, zoneOf(zone))}, fieldEnd: {sale.WriteLocalTime(start.Add(time.Hour), zoneOf(zone))},
		string(sale.FieldStock): {"100"}, string(sale.FieldCurrency): {"USD"},
	}
	showLimits(sale.UsualPressLimit(), given)
	return hs.cfg.Desk.Send(c, http.StatusOK, views.FormPage(hs.form(c, creating, nil, given, request.Problem{})))
}

// EditPage is the form for what is sold and when.
func (hs *Handlers) EditPage(c echo.Context) error {
	snap, err := hs.snapshot(c)
	if err != nil {
		return err
	}
	return hs.cfg.Desk.Send(c, http.StatusOK, views.FormPage(hs.form(c, editing, &snap, editable(&snap), request.Problem{})))
}

// editable is a sale as the form shows it.
func editable(s *sale.Snapshot) url.Values {
	zone := zoneOf(s.Zone)
	v := url.Values{
		string(sale.FieldZone): {zone.String()}, fieldStart: {sale.WriteLocalTime(s.StartsAt, zone)}, fieldEnd: {sale.WriteLocalTime(s.EndsAt, zone)},
		string(sale.FieldStock): {strconv.FormatInt(s.Total, 10)},
	}
	showLimits(s.Limit, v)
	showWritten(s, v)
	if p := s.Product; p != nil {
		v.Set(string(sale.FieldName), p.Name)
		v.Set(string(sale.FieldDescription), p.Description)
		v.Set(string(sale.FieldCurrency), p.CurrencyCode)
		v.Set(fieldPrice, request.Amount(p.PriceMinor, p.CurrencyCode))
		v.Set(fieldDiscount, request.Amount(p.DiscountMinor, p.CurrencyCode))
	}
	return v
}

// DuplicatePage is the form for a sale like another one.
func (hs *Handlers) DuplicatePage(c echo.Context) error {
	snap, err := hs.snapshot(c)
	if err != nil {
		return err
	}
	starts, ends := operator.NextWeek(&snap, snap.Now)
	zone := zoneOf(snap.Zone)
	given := url.Values{
		fieldSlug: {nextSlug(snap.Slug)}, string(sale.FieldZone): {zone.String()},
		fieldStart: {sale.WriteLocalTime(starts, zone)}, fieldEnd: {sale.WriteLocalTime(ends, zone)},
	}
	return hs.cfg.Desk.Send(c, http.StatusOK, views.FormPage(hs.form(c, duplicating, &snap, given, request.Problem{})))
}

// nextSlug proposes a slug: the number at its end grows by one.
func nextSlug(slug string) string {
	base := strings.TrimRight(slug, "0123456789")
	n, err := strconv.Atoi(slug[len(base):])
	if err != nil || !strings.HasSuffix(base, "-") {
		return slug + "-2"
	}
	return base + strconv.Itoa(n+1)
}

// refusedForm is a form again, with what was typed and what is wrong with it.
func (hs *Handlers) refusedForm(c echo.Context, p request.Problem, typed url.Values, to purpose) error {
	var of *sale.Snapshot
	if to != creating {
		snap, err := hs.snapshot(c)
		if err != nil {
			return err
		}
		of = &snap
	}
	return hs.cfg.Desk.Send(c, p.Status, views.FormPage(hs.form(c, to, of, typed, p)))
}

// form is the page of a form with the values given, and what is wrong with them.
func (hs *Handlers) form(c echo.Context, to purpose, of *sale.Snapshot, given url.Values, p request.Problem) views.Form {
	ctx := desk.Speaking(c.Request())
	page := views.Form{Key: rand.Text(), Action: "/api/admin/sales", Back: layout.Link{Label: text.Say(ctx, "Back to the sales"), Path: desk.Sales}}
	switch to {
	case creating:
		page.Heading, page.Submit = text.Say(ctx, "New sale"), text.Say(ctx, "Make the draft")
		page.Lead = []string{text.Say(ctx, "It begins as a draft: only the desk sees it until you schedule it.")}
	case editing:
		page.Heading, page.Submit = text.Say(ctx, "Edit %s", productName(of)), text.Say(ctx, "Save")
		page.Action, page.Revision = "/api/admin/sales/"+of.Slug, request.RevisionTag(of.Revision)
		page.Lead = []string{text.Say(ctx, "This changes revision %d of the sale. %d of %d units are sold.", of.Revision, of.Taken, of.Total)}
	case duplicating:
		page.Heading, page.Submit = text.Say(ctx, "Duplicate %s", productName(of)), text.Say(ctx, "Make the draft")
		page.Action = "/api/admin/sales/" + of.Slug + "/duplicate"
		page.Lead = []string{text.Say(ctx, "The draft has the same product, texts, stock, limits and zone.")}
	}
	if of != nil {
		page.Back = layout.Link{Label: text.Say(ctx, "Back to %s", productName(of)), Path: deskSale(of.Slug)}
	}
	page.Groups = groups(ctx, to, given)
	page.Desk = hs.desk(c, page.Heading)
	if p.Status == 0 {
		return page
	}
	if desk.Undecided(p) {
		page.Key, page.Revision = given.Get("Idempotency-Key"), given.Get("If-Match")
	}
	marked := markInputs(text.From(ctx), page.Groups, p)
	askWhich(ctx, page.Groups)
	if !marked {
		page.Problem = desk.Sentence(p)
		return page
	}
	page.Problem = text.Say(ctx, "Nothing was done. Please look at what is marked.")
	return page
}

// askWhich says at a time that means several moments that one has to be chosen.
func askWhich(ctx context.Context, all []views.Group) {
	for g := range all {
		for i := range all[g].Inputs {
			if in := &all[g].Inputs[i]; in.Error != "" && len(in.Asked) > 0 {
				in.Error = text.Say(ctx, "Please choose below which moment is meant.")
			}
		}
	}
}

// markInputs puts the errors of a problem at their fields; false when one has none.
func markInputs(l text.Language, all []views.Group, p request.Problem) bool {
	marked := len(p.Errors) > 0
	for _, e := range p.Errors {
		found := false
		for g := range all {
			for i := range all[g].Inputs {
				if in := &all[g].Inputs[i]; in.Name == formField(e.Field) {
					in.Error, found = e.Say(l), true
				}
			}
		}
		marked = marked && found
	}
	return marked
}

// formField is the field of the form that stands for one of programs.
func formField(name string) string {
	switch sale.Field(name) {
	case sale.FieldStart:
		return fieldStart
	case sale.FieldEnd:
		return fieldEnd
	case sale.FieldPrice:
		return fieldPrice
	case sale.FieldDiscount:
		return fieldDiscount
	case sale.FieldStock, sale.FieldAccountRate, sale.FieldAccountBurst, sale.FieldNetworkRate, sale.FieldNetworkBurst, sale.FieldZone,
		sale.FieldMessage, sale.FieldName, sale.FieldDescription, sale.FieldCurrency, sale.FieldDetails, sale.FieldSpecification, sale.FieldImportant,
		sale.FieldTextUpcoming, sale.FieldTextActive, sale.FieldTextPaused, sale.FieldTextSoldOut, sale.FieldTextEnded:
	}
	return name
}

// groups are the fields of a form.
func groups(ctx context.Context, to purpose, given url.Values) (all []views.Group) {
	if to != editing {
		all = append(all, views.Group{Heading: text.Say(ctx, "Address"), Inputs: []views.Input{{
			Name: fieldSlug, Label: text.Say(ctx, "Slug"), Type: "text", MaxLength: "63",
			Hint: text.Say(ctx, "Small letters, digits and hyphens. It stands in addresses and never changes."),
		}}})
	}
	if to != duplicating {
		all = append(all, productGroup(ctx))
	}
	all = append(all, timesGroup(ctx, given))
	if to != duplicating {
		all = append(all, views.Group{Heading: text.Say(ctx, "Stock"), Inputs: []views.Input{whole(string(sale.FieldStock), text.Say(ctx, "Units"), "0", strconv.Itoa(maxStock))}})
	}
	if to != duplicating {
		all = append(append(all, writtenGroups(ctx)...), limitsGroup(ctx))
	}
	for g := range all {
		for i := range all[g].Inputs {
			all[g].Inputs[i].Value = given.Get(all[g].Inputs[i].Name)
		}
	}
	return all
}

func whole(name, label, low, high string) views.Input {
	return views.Input{Name: name, Label: label, Type: "number", Min: low, Max: high, Mode: "numeric"}
}

func productGroup(ctx context.Context) views.Group {
	return views.Group{Heading: text.Say(ctx, "Product"), Inputs: []views.Input{
		{Name: string(sale.FieldName), Label: text.Say(ctx, "Name"), Type: "text", MaxLength: strconv.Itoa(longestName)},
		{Name: string(sale.FieldDescription), Label: text.Say(ctx, "Description"), Type: "area", MaxLength: strconv.Itoa(longestDescription), Optional: true},
		{Name: string(sale.FieldCurrency), Label: text.Say(ctx, "Currency"), Type: "text", MaxLength: "3", Hint: text.Say(ctx, "Three letters, like EUR."), List: []string{"USD", "EUR", "GBP", "CHF", "JPY"}},
		{Name: fieldPrice, Label: text.Say(ctx, "Full price"), Type: "text", Mode: "decimal", MaxLength: "16"},
		{Name: fieldDiscount, Label: text.Say(ctx, "Discount"), Type: "text", Mode: "decimal", MaxLength: "16", Optional: true, Hint: text.Say(ctx, "How much less than the full price shoppers pay.")},
	}}
}

// timesGroup asks, beside the times, which moment is meant where the clocks are set.
func timesGroup(ctx context.Context, given url.Values) views.Group {
	zone := zoneOf(given.Get(string(sale.FieldZone)))
	g := views.Group{Heading: text.Say(ctx, "Times"), Inputs: []views.Input{
		{Name: string(sale.FieldZone), Label: text.Say(ctx, "Time zone"), Type: "text", MaxLength: "64", List: zones(), Hint: text.Say(ctx, "Both times are those of the clocks there.")},
		{Name: fieldStart, Label: text.Say(ctx, "Starts"), Type: "datetime-local"},
		{Name: fieldEnd, Label: text.Say(ctx, "Ends"), Type: "datetime-local"},
	}}
	for i := 1; i < len(g.Inputs); i++ {
		in := &g.Inputs[i]
		l, err := sale.ParseLocalTime(given.Get(in.Name), zone)
		if err != nil || l.Plain() {
			continue
		}
		in.Hint = text.Say(ctx, "The clocks there are set back, and show this time twice.")
		if l.Skipped {
			in.Hint = text.Say(ctx, "The clocks there are set forward, and never show this time.")
		}
		for _, at := range l.Moments {
			in.Asked = append(in.Asked, views.Option{Value: at.Format(time.RFC3339), Label: at.In(zone).Format("2006-01-02 15:04 MST (-07:00)")})
		}
	}
	return g
}

// zones are suggestions; every name of the IANA's list is taken.
func zones() []string {
	return []string{
		"UTC", "Europe/Berlin", "Europe/Vienna", "Europe/Zurich", "Europe/London", "Europe/Paris", "Europe/Madrid", "Europe/Rome", "Europe/Amsterdam",
		"Europe/Stockholm", "Europe/Warsaw", "Europe/Athens", "Europe/Istanbul", "America/New_York", "America/Chicago", "America/Denver",
		"America/Los_Angeles", "America/Toronto", "America/Sao_Paulo", "America/Mexico_City", "Asia/Tokyo", "Asia/Seoul", "Asia/Shanghai",
		"Asia/Hong_Kong", "Asia/Singapore", "Asia/Kolkata", "Asia/Dubai", "Australia/Sydney", "Pacific/Auckland", "Africa/Johannesburg",
	}
}
