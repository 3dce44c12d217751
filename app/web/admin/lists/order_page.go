package lists

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
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

// OrderRoutes are the pages about orders.
func (hs *Handlers) OrderRoutes() []request.Route {
	return []request.Route{
		{Method: "GET", Path: desk.Orders, Handler: hs.OrdersPage, Who: request.Viewers},
		{Method: "GET", Path: desk.Orders + "/:id", Handler: hs.OrderPage, Who: request.Viewers},
		{Method: "GET", Path: desk.Orders + "/:id/cancel", Handler: hs.CancelPage, Who: request.Operators},
		{Method: "GET", Path: desk.Claims, Handler: hs.ClaimsPage, Who: request.Viewers},
		{Method: "GET", Path: desk.Sales + "/:slug/units", Handler: hs.UnitsPage, Who: request.Viewers},
	}
}

// OrdersPage lists the orders of a sale, and finds one. What is wrong with the query is said at its field.
func (hs *Handlers) OrdersPage(c echo.Context) error {
	ctx := desk.Speaking(c.Request())
	s, err := hs.orderSearch(c)
	if err != nil {
		return err
	}
	page := views.Orders{Desk: hs.cfg.Frame.Page(c, desk.Orders, text.Say(ctx, "Orders"))}
	if len(s.all) == 0 {
		return hs.cfg.Frame.Send(c, http.StatusOK, views.OrdersPage(page))
	}
	if s.status == 0 {
		reading, by := hs.reading(c)
		f, err := hs.find(reading, s)
		page.AsOf = asOf(ctx, by)
		switch {
		case err == nil:
			hs.show(ctx, c, s, &f, &page)
		case errors.Is(err, sale.ErrNoSale):
			s.refuse(http.StatusNotFound, fieldGeneration, noGeneration(ctx, &s.sale))
		default:
			return err
		}
	}
	hs.ask(ctx, s, &page)
	status := http.StatusOK
	if s.status != 0 {
		status = s.status
		page.Problem = text.Say(ctx, "Nothing was looked up. Please look at what is marked.")
		for _, field := range []string{cursorField, fieldLimit} { // these have no field in the form
			if why := s.wrong[field]; why != "" {
				page.Problem, page.Pages.First = why, s.address(fieldSale, fieldText, fieldState, fieldFrom, fieldUntil, fieldGeneration)
			}
		}
	}
	return hs.cfg.Frame.Send(c, status, views.OrdersPage(page))
}

// address is that of the page with some of its fields.
func (s *orderSearch) address(fields ...string) string {
	q := url.Values{}
	for _, field := range fields {
		if v := s.typed.Get(field); v != "" {
			q.Set(field, v)
		}
	}
	q.Set(fieldSale, s.sale.Slug)
	return desk.Orders + "?" + q.Encode()
}

// ask is the form, with what was typed.
func (hs *Handlers) ask(ctx context.Context, s *orderSearch, page *views.Orders) {
	zone := clockOf(s.sale.Zone)
	field := func(name, label, kind, hint string) views.Input {
		return views.Input{Name: name, Label: label, Type: kind, Hint: hint, Value: s.typed.Get(name), Error: s.wrong[name]}
	}
	form := &page.Search
	form.Sale = views.Picker{Name: fieldSale, Label: text.Say(ctx, "Sale"), Error: s.wrong[fieldSale]}
	for i := range s.all {
		one := &s.all[i]
		form.Sale.Options = append(form.Sale.Options, views.Option{Value: one.Slug, Label: saleName(one) + " (" + one.Slug + ")", Chosen: one.ID == s.sale.ID})
	}
	state := s.typed.Get(fieldState)
	form.State = views.Picker{Name: fieldState, Label: text.Say(ctx, "State"), Error: s.wrong[fieldState], Options: []views.Option{{Label: text.Say(ctx, "All")}}}
	for _, one := range sale.OrderStates() {
		form.State.Options = append(form.State.Options, views.Option{Value: string(one), Label: views.OrderState(one).Label(ctx), Chosen: string(one) == state})
	}
	form.Text = field(fieldText, text.Say(ctx, "Search"), "text", text.Say(ctx, "An order number, a unit, or how a name or an e-mail address begins."))
	hint := text.Say(ctx, "When it was decided, by the clocks of %s.", zone.String())
	form.From = field(fieldFrom, text.Say(ctx, "From"), "datetime-local", hint)
	form.Until = field(fieldUntil, text.Say(ctx, "Up to"), "datetime-local", hint)
	form.Generation = field(fieldGeneration, text.Say(ctx, "Generation"), "text", text.Say(ctx, "Empty: the present one, %d.", s.sale.Generation))
	form.Generation.Mode = "numeric"
	for _, in := range []*views.Input{&form.From, &form.Until} {
		if in.Error != "" {
			in.Type = "text" // a field for times does not show what is none
		}
	}
	for _, name := range []string{fieldState, fieldFrom, fieldUntil, fieldGeneration} {
		form.Filtered = form.Filtered || s.typed.Get(name) != ""
	}
	if form.Filtered || s.typed.Get(fieldText) != "" {
		form.All = s.address(fieldSale)
	}
	page.Sale = layout.Link{Label: saleName(&s.sale), Path: salePage(s.sale.Slug)}
	if page.Generation == 0 {
		page.Generation = s.sale.Generation
	}
}

// show is what was found.
func (hs *Handlers) show(ctx context.Context, c echo.Context, s *orderSearch, f *found, page *views.Orders) {
	page.Generation = f.Generation
	sum := hs.sum(&s.sale, &f.OrderList)
	page.Sum = &sum
	for i := range f.Orders {
		o := &f.Orders[i]
		line := hs.line(o)
		page.Elsewhere = page.Elsewhere || f.isElsewhere(o, &s.sale)
		page.Lines = append(page.Lines, line)
	}
	switch {
	case page.Elsewhere:
		page.Notes = append(page.Notes, text.Say(ctx, "An order number is looked for in all sales and generations: this one is of another one than you chose."))
	case f.unit != 0 && len(f.Orders) > 0:
		page.Notes = append(page.Notes, text.Say(ctx, "These are the orders of unit %d: who has it, and who had it before.", f.unit))
	}
	if f.MoreShoppers {
		page.Notes = append(page.Notes, text.Say(ctx, "More shoppers have such a name than are looked at, so orders may be missing here. Type more of the name."))
	}
	if len(f.Orders) == 0 {
		page.None = noOrders(ctx, s)
	}
	links := orderPages(c, &f.OrderList)
	page.Pages = views.Pages{First: links.First, Earlier: links.Prev, Later: links.Next, Last: links.Last}
	if len(f.Orders) == 0 && s.query.Page.Beside != (sale.OrderPlace{}) {
		page.Pages.First = s.address(fieldSale, fieldText, fieldState, fieldFrom, fieldUntil, fieldGeneration)
	}
	if page.MayAct && (len(f.Orders) > 0 || s.query.Text == "") {
		page.Export = exportForm(ctx, s, f)
	}
}

func noOrders(ctx context.Context, s *orderSearch) string {
	switch {
	case s.query.Page.Beside != (sale.OrderPlace{}):
		return text.Say(ctx, "There are no orders on this page of the list.")
	case s.query.Text != "":
		return text.Say(ctx, "No order was found. The number was looked for in all sales; a unit, a name or an address only in this generation of this sale, with the state and times that are chosen.")
	case s.query.Filter != (sale.OrderFilter{}):
		return text.Say(ctx, "No order of this generation has that state and was decided in that time.")
	}
	return text.Say(ctx, "There are no orders in this generation yet.")
}

// sum is the stock of a generation by the ledger. Only the present one can have claims that are not decided, and a page about its units.
func (hs *Handlers) sum(of *sale.Snapshot, list *operator.OrderList) views.Sum {
	s := views.Sum{Sold: list.Sold, Total: list.Total, Free: list.Total - list.Sold}
	s.SoldPath = desk.Orders + "?" + url.Values{
		fieldSale: {of.Slug}, fieldState: {string(sale.OrderConfirmed)}, fieldGeneration: {strconv.FormatInt(list.Generation, 10)},
	}.Encode()
	if list.Generation != of.Generation {
		return s
	}
	s.PendingPath, s.FreePath = desk.Claims+"?"+url.Values{fieldSale: {of.Slug}}.Encode(), salePage(of.Slug)+"/units"
	if hs.cfg.Figures == nil {
		return s
	}
	if level, _ := hs.cfg.Figures.Level(of.ID); level.Generation == list.Generation {
		s.Pending = min(level.Pending, s.Free)
		s.Free -= s.Pending
	}
	return s
}

func (hs *Handlers) line(o *operator.DeskOrder) views.OrderLine {
	l := views.OrderLine{
		Number: sale.OrderNumber(o.OrderID), Path: orderAddress(o), Unit: o.Unit, State: views.OrderState(o.State), Shopper: shopperIn(o),
		Sale: layout.Link{Label: o.Slug, Path: salePage(o.Slug)}, Generation: o.Generation,
	}
	zone := time.UTC
	if s, err := hs.cfg.Catalog.Snapshot(o.Slug); err == nil {
		zone = clockOf(s.Zone)
	}
	l.Decided, l.Cancelled = momentAt(o.DecidedAt, zone), momentAt(o.CancelledAt, zone)
	return l
}

// shopperIn is who an order is from, as of now.
func shopperIn(o *operator.DeskOrder) views.Buyer {
	name := o.Person.Username
	if o.Person.Erased || name == "" {
		return views.Buyer{Name: o.Username, Path: desk.Shoppers + "/" + url.PathEscape(o.Username)}
	}
	return views.Buyer{Name: name, Email: o.Person.Email, Path: desk.Shoppers + "/" + url.PathEscape(name), Archived: o.Person.Archived}
}

// exportForm takes what the list shows away, on all its pages: what the filters and the search mean.
func exportForm(ctx context.Context, s *orderSearch, f *found) *views.OrderExport {
	e := &views.OrderExport{Generation: f.Generation, Sale: s.sale.Slug}
	if f.elsewhere(&s.sale) { // a number found its order in another sale or generation than was chosen
		e.Generation, e.Sale = f.Orders[0].Generation, f.Orders[0].Slug
		e.Limits = append(e.Limits, text.Say(ctx, "Of the sale %s, where the order was found.", e.Sale))
	}
	e.Hidden = append(e.Hidden, views.Hidden{Name: fieldSale, Value: e.Sale})
	filter, zone := s.query.Filter, clockOf(s.sale.Zone)
	if filter.State != "" {
		e.Hidden = append(e.Hidden, views.Hidden{Name: fieldState, Value: string(filter.State)})
		e.Limits = append(e.Limits, text.Say(ctx, "Only orders in the state \"%s\".", views.OrderState(filter.State).Label(ctx)))
	}
	if !filter.From.IsZero() {
		e.Hidden = append(e.Hidden, views.Hidden{Name: fieldFrom, Value: filter.From.Format(time.RFC3339)})
		e.Limits = append(e.Limits, text.Say(ctx, "Only orders that were decided from %s on.", momentAt(filter.From, zone).Text))
	}
	if !filter.Until.IsZero() {
		e.Hidden = append(e.Hidden, views.Hidden{Name: fieldUntil, Value: filter.Until.Format(time.RFC3339)})
		e.Limits = append(e.Limits, text.Say(ctx, "Only orders that were decided before %s.", momentAt(filter.Until, zone).Text))
	}
	switch {
	case f.unit != 0:
		e.Hidden = append(e.Hidden, views.Hidden{Name: "unit", Value: strconv.FormatInt(f.unit, 10)})
		e.Limits = append(e.Limits, text.Say(ctx, "Only orders of unit %d.", f.unit))
	case s.query.Text != "":
		e.Hidden = append(e.Hidden, views.Hidden{Name: fieldText, Value: s.query.Text})
		e.Limits = append(e.Limits, text.Say(ctx, "Only orders that the search for “%s” finds, all of them.", s.query.Text))
	}
	if len(e.Limits) == 0 {
		e.Limits = append(e.Limits, text.Say(ctx, "All orders, whatever their state, as they are at one moment."))
	}
	return e
}

// clockOf is the zone of that name; UTC for one that this machine does not know.
func clockOf(name string) *time.Location {
	zone, err := sale.Zone(name)
	if err != nil {
		return time.UTC
	}
	return zone
}

// momentAt is a time as the clocks of a zone show it. The form is the same in every language.
func momentAt(t time.Time, zone *time.Location) views.Moment {
	if t.IsZero() {
		return views.Moment{}
	}
	return views.Moment{Text: t.In(zone).Format("2006-01-02 15:04:05 MST"), ISO: t.UTC().Format(request.InstantLayout)}
}

func saleName(s *sale.Snapshot) string {
	if s.Product == nil || s.Product.Name == "" {
		return s.Slug
	}
	return s.Product.Name
}

func salePage(slug string) string { return desk.Sales + "/" + slug }

func orderAddress(o *operator.DeskOrder) string { return desk.Orders + "/" + o.OrderID.String() }

// unitAddress is the list of who has a unit and who had it.
func unitAddress(o *operator.DeskOrder) string {
	q := url.Values{fieldSale: {o.Slug}, fieldGeneration: {strconv.FormatInt(o.Generation, 10)}, fieldText: {strconv.FormatInt(o.Unit, 10)}}
	return desk.Orders + "?" + q.Encode()
}
