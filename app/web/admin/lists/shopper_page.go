package lists

import (
	"context"
	"crypto/rand"
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
	"flashsale/users"
	"flashsale/users/login/limits"
	views "flashsale/views/admin"
	"flashsale/views/text"
)

// PeoplePages are the pages about shoppers, and of what operators did.
func (hs *Handlers) PeoplePages() []request.Route {
	return []request.Route{
		{Method: "GET", Path: desk.Shoppers, Handler: hs.ShoppersPage, Who: request.Viewers},
		{Method: "GET", Path: desk.Shoppers + "/:name", Handler: hs.ShopperPage, Who: request.Viewers},
		{Method: "GET", Path: desk.Shoppers + "/:name/bar", Handler: hs.barPage(false), Who: request.Operators},
		{Method: "GET", Path: desk.Shoppers + "/:name/unbar", Handler: hs.barPage(true), Who: request.Operators},
		{Method: "GET", Path: desk.Audit, Handler: hs.AuditPage, Who: request.Viewers},
		{Method: "GET", Path: desk.Audit + "/:id", Handler: hs.EntryPage, Who: request.Viewers},
	}
}

// ShoppersPage is the list of accounts as a page. A search that cannot be one is shown with what is wrong.
func (hs *Handlers) ShoppersPage(c echo.Context) error {
	ctx := desk.Speaking(c.Request())
	page := views.Shoppers{Desk: hs.cfg.Frame.Page(c, desk.Shoppers, text.Say(ctx, "Shoppers")), Search: views.Input{
		Name: "q", Label: text.Say(ctx, "Name or e-mail"), Type: "text", MaxLength: "254", Optional: true, Value: c.QueryParam("q"),
		Hint: text.Say(ctx, "What it begins with. With an @ it is an address."),
	}}
	q, err := shopperSearch(c)
	if complaint, ok := complaintOf(ctx, err, "q"); ok {
		page.Search.Error = complaint
		return hs.cfg.Frame.Send(c, http.StatusUnprocessableEntity, views.ShoppersPage(page))
	}
	if err != nil {
		return err
	}
	reading, by := hs.reading(c)
	found, err := hs.cfg.Desk.Shoppers(reading, q)
	if err != nil {
		return err
	}
	for i := range found.Accounts {
		a := &found.Accounts[i]
		l := views.ShopperLine{Username: a.Username, Email: a.Email, State: shopperStateOf(a), Since: desk.MomentIn(a.CreatedAt, time.UTC), Path: desk.ShopperPath(a.Username)}
		page.Lines = append(page.Lines, l)
	}
	page.Pages, page.AsOf = views.Neighbours(shopperLinks(c, &found)), asOf(ctx, by)
	return hs.cfg.Frame.Send(c, http.StatusOK, views.ShoppersPage(page))
}

func shopperStateOf(a *users.Listed) views.ShopperState {
	switch {
	case a.Erased:
		return views.Forgotten
	case a.Archived:
		return views.PutAway
	case !a.MayPurchase:
		return views.Barred
	}
	return views.MayBuy
}

// complaintOf is what is wrong with a field of the query, in the language of ctx. It is false for every other error.
func complaintOf(ctx context.Context, err error, field string) (string, bool) {
	var wrong *request.ProblemError
	if !errors.As(err, &wrong) || len(wrong.Problem.Errors) == 0 || wrong.Problem.Errors[0].Field != field {
		return "", false
	}
	return text.Say(ctx, "This is what a name or an address can begin with: visible characters, at most 254."), true
}

// ShopperPage is what is known of an account, as a page.
func (hs *Handlers) ShopperPage(c echo.Context) error {
	reading, by := hs.reading(c)
	s, err := hs.shopper(reading, c)
	if err != nil {
		return err
	}
	ctx := desk.Speaking(c.Request())
	page := views.Shopper{
		Desk: hs.cfg.Frame.Page(c, desk.Shoppers, isolated(s.Username)), Username: s.Username, Email: s.Email, Verified: s.EmailVerified,
		Number: strconv.FormatInt(s.ID, 10), State: shopperStateOf(&s.Listed), Since: desk.MomentIn(s.CreatedAt, time.UTC), MetUnknown: s.MetUnknown,
	}
	if role := s.Role.String(); role != "" {
		page.Role = text.Say(ctx, role)
	}
	page.Notice = barNotice(ctx, c.QueryParam("done"), &s)
	switch page.State {
	case views.MayBuy:
		page.Bar = desk.ShopperPath(s.Username) + "/bar"
	case views.Barred:
		page.Unbar = desk.ShopperPath(s.Username) + "/unbar"
	case views.PutAway, views.Forgotten:
	}
	page.AsOf = asOf(ctx, by)
	shopperParts(ctx, &page, &s)
	return hs.cfg.Frame.Send(c, http.StatusOK, views.ShopperPage(page))
}

// shopper is the account that a page is about.
func (hs *Handlers) shopper(ctx context.Context, c echo.Context) (operator.ShopperDetail, error) {
	name, err := shopperNamed(c)
	if err != nil {
		return operator.ShopperDetail{}, err
	}
	return hs.cfg.Desk.Shopper(ctx, name)
}

func shopperParts(ctx context.Context, page *views.Shopper, s *operator.ShopperDetail) {
	for i := range s.Orders {
		o := &s.Orders[i]
		page.Orders = append(page.Orders, views.ShopperOrder{
			Number: sale.OrderNumber(o.OrderID), Path: desk.Orders + "/" + o.OrderID.String(), Product: o.Product, Sale: o.Slug,
			SalePath: desk.Sales + "/" + url.PathEscape(o.Slug), Unit: o.Unit, Generation: o.Generation, At: desk.MomentIn(o.At, time.UTC), Cancelled: desk.MomentIn(o.CancelledAt, time.UTC),
		})
	}
	if s.MoreOrders {
		page.MoreOrders = desk.Orders + "?" + url.Values{"q": {s.Username}}.Encode()
	}
	for i := range s.Sessions {
		one := &s.Sessions[i]
		page.Sessions = append(page.Sessions, views.ShopperSession{
			Network: one.Origin.Network, Agent: one.Origin.Agent, Created: desk.MomentIn(one.Created, time.UTC),
			Renewed: desk.MomentIn(one.Renewed, time.UTC), Expires: desk.MomentIn(one.Expires, time.UTC),
		})
	}
	for _, m := range s.Met {
		page.Met = append(page.Met, views.MetLimit{What: policyText(ctx, m.Policy), Whose: sharedText(ctx, m.By), At: desk.MomentIn(m.At, time.UTC)})
	}
	for i := range s.Acts {
		page.Acts = append(page.Acts, desk.AuditLine(ctx, &s.Acts[i], time.UTC, nil))
	}
	if s.MoreActs {
		page.MoreActs = desk.Audit + "?" + url.Values{"subject": {s.Username}}.Encode()
	}
}

// isolated keeps a name whose letters run from right to left from turning the text around it.
func isolated(name string) string { return "\u2068" + name + "\u2069" }

// barNotice is the sentence for what an act did. The query only selects it, and the account says whether it is so.
func barNotice(ctx context.Context, done string, s *operator.ShopperDetail) string {
	switch {
	case done == "bar" && !s.MayPurchase:
		return text.Say(ctx, "This account is barred. It cannot buy any more.")
	case done == "unbar" && s.MayPurchase:
		return text.Say(ctx, "This account may buy again.")
	case done == "nothing":
		return text.Say(ctx, "That was so already. Nothing was changed.")
	}
	return ""
}

func policyText(ctx context.Context, p limits.Policy) string {
	switch p {
	case limits.SignIn:
		return text.Say(ctx, "Signing in with a password")
	case limits.Code:
		return text.Say(ctx, "Codes by e-mail")
	case limits.CodeVerify:
		return text.Say(ctx, "Typing a code")
	case limits.SecondFactor:
		return text.Say(ctx, "Second factor")
	case limits.Export:
		return text.Say(ctx, "Exports")
	case limits.Purchase:
		return text.Say(ctx, "Presses of the button")
	case limits.SignUp, limits.Token, limits.Claims, limits.API, limits.Receipts:
	}
	return string(p)
}

// sharedText says whose budget was spent.
func sharedText(ctx context.Context, by limits.By) string {
	switch by {
	case limits.ByAccount:
		return text.Say(ctx, "by this account alone")
	case limits.ByAccountNetwork, limits.ByAccountSite:
		return text.Say(ctx, "at this account, from one network")
	case limits.ByStrangers:
		return text.Say(ctx, "at this account, from networks where it has never signed in")
	case limits.ByNetwork, limits.BySite:
		return text.Say(ctx, "by everybody in its network together")
	}
	return string(by)
}

// barPage says what barring or unbarring an account will do before it is done.
func (hs *Handlers) barPage(may bool) echo.HandlerFunc {
	return func(c echo.Context) error {
		s, err := hs.shopper(c.Request().Context(), c)
		if err != nil {
			return err
		}
		return hs.cfg.Frame.Send(c, http.StatusOK, views.ShopperStepPage(hs.barStep(c, &s, may)))
	}
}

func (hs *Handlers) barStep(c echo.Context, s *operator.ShopperDetail, may bool) views.ShopperStep {
	ctx, state := desk.Speaking(c.Request()), shopperStateOf(&s.Listed)
	page := views.ShopperStep{
		Username: s.Username, Back: desk.ShopperPath(s.Username), Key: rand.Text(), Grave: !may,
		Heading: text.Say(ctx, "Bar %s?", isolated(s.Username)), Submit: text.Say(ctx, "Bar"), Action: "/api/admin/shoppers/" + url.PathEscape(s.Username) + "/bar",
		Effects: []string{
			text.Say(ctx, "Every press of this account is refused, in all sales, from now on."),
			text.Say(ctx, "What it has bought stays bought: cancel orders one by one if they are not to stay."),
			text.Say(ctx, "It can still sign in. You can take this back."),
		},
		Reason: views.Input{
			Name: "reason", Label: text.Say(ctx, "Reason"), Type: "area", MaxLength: strconv.Itoa(request.MaxReason),
			Hint: text.Say(ctx, "It stands in the audit log. The shopper does not read it."),
		},
	}
	if may {
		page.Heading, page.Submit = text.Say(ctx, "Unbar %s?", isolated(s.Username)), text.Say(ctx, "Unbar")
		page.Action = "/api/admin/shoppers/" + url.PathEscape(s.Username) + "/unbar"
		page.Effects = []string{text.Say(ctx, "This account may buy again at once, in all sales.")}
	}
	page.Desk = hs.cfg.Frame.Page(c, desk.Shoppers, page.Heading)
	switch {
	case state == views.PutAway || state == views.Forgotten:
		page.Off = text.Say(ctx, "This account is archived or erased: nobody can buy with it anyway.")
	case may && state == views.MayBuy:
		page.Off = text.Say(ctx, "This account is not barred.")
	case !may && state == views.Barred:
		page.Off = text.Say(ctx, "This account is barred already.")
	}
	return page
}

// refusedBar shows the step before an act on an account again, with why it was refused and what was typed.
func (hs *Handlers) refusedBar(c echo.Context, p request.Problem, form url.Values, act string) (bool, error) {
	s, err := hs.shopper(c.Request().Context(), c)
	if err != nil {
		return false, nil //nolint:nilerr // there is no account to show; the problem's own page says why
	}
	ctx := desk.Speaking(c.Request())
	page := hs.barStep(c, &s, act == "unbar")
	page.Reason.Value = form.Get(page.Reason.Name)
	said := p.For(request.Language(c.Request()))
	page.Problem = said.Happened + ". " + said.Now
	for _, e := range p.Errors {
		if e.Field == page.Reason.Name {
			page.Reason.Error = e.Say(request.Language(c.Request()))
			page.Problem = text.Say(ctx, "Nothing was done. Please look at what is marked.")
		}
	}
	if desk.Undecided(p) {
		page.Key, page.Off = form.Get("Idempotency-Key"), ""
	}
	return true, hs.cfg.Frame.Send(c, p.Status, views.ShopperStepPage(page))
}
