package shop

import (
	"net/http"
	"net/url"
	"path"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/events"
	"flashsale/sale"
	"flashsale/users/login/limits"
	"flashsale/views/shop"
)

// What a form came to without scripts stands in the query of the first page, which finds it out again each time it is read. "bought"
// and "owned" only choose the words: the receipt itself is looked up. Any other value names a refusal.
const (
	wasBought = "bought"
	wasOwned  = "owned"
)

// pressed redirects a form's press to the page that shows what came of it.
func (hs *Handlers) pressed(c echo.Context, a *sale.Answer, name string) error {
	c.Response().Header().Del("Retry-After") // a browser would wait with the page
	switch a.Kind {
	case sale.Bought, sale.AlreadyBought:
		if at := hs.ownReceiptPath(c, a.Receipt); at != "" {
			return c.Redirect(http.StatusSeeOther, at)
		}
		words := wasOwned
		if a.Kind == sale.Bought || a.SameKey {
			words = wasBought
		}
		return c.Redirect(http.StatusSeeOther, hs.outcomePage(c, words, name)+toOutcome)
	case sale.Pending:
		return c.Redirect(http.StatusSeeOther, hs.claimPage(c, name, a.ClaimID, a.Position)+toOutcome)
	case sale.Unavailable, sale.Refused, sale.NotAuthorized, sale.UnknownShopper, sale.Overloaded, sale.TooOften:
	}
	return c.Redirect(http.StatusSeeOther, hs.outcomePage(c, request.AnswerKind(a).Name, name)+toOutcome)
}

// toOutcome gives the outcome of the page the focus. A link to a page that is open already does without it: it would lead nowhere.
const toOutcome = "#outcome"

// outcomePage is the address of the sale's page with an outcome in it.
func (hs *Handlers) outcomePage(c echo.Context, outcome, name string) string {
	return hs.pageFor(c, name, url.Values{"outcome": {outcome}})
}

// claimPage is the address of the sale's page that follows a claim.
func (hs *Handlers) claimPage(c echo.Context, name string, id uuid.UUID, at *events.Position) string {
	q := url.Values{"claim": {id.String()}}
	if address, err := url.Parse(request.ClaimPath("", id, at)); err == nil && at != nil {
		q.Set("at", address.Query().Get("at"))
	}
	return hs.pageFor(c, name, q)
}

func (hs *Handlers) pageFor(c echo.Context, name string, q url.Values) string {
	if hs.cfg.Principals.Demo && name != "" {
		q.Set("username", shown(name))
	}
	return shop.Place{Slug: slugOf(c)}.Path() + "?" + q.Encode()
}

// recall puts the outcome that the query names into the page, and says with which status.
func (hs *Handlers) recall(c echo.Context, home *shop.Home, q url.Values) int {
	var outcome shop.Outcome
	var status int
	name := q.Get("username")
	switch {
	case q.Has("check"):
		outcome, status = hs.checked(c, name)
		home.Check = &outcome
		return status
	case q.Has("claim"):
		outcome, status = hs.claim(c, name, q.Get("claim"), q.Get("at"))
		home.Purchase = &outcome
		return status
	}
	switch words := q.Get("outcome"); words {
	case "":
	case wasBought, wasOwned:
		home.Purchase = hs.receipt(c, name, words)
	default:
		home.Purchase = hs.refusal(c, words, name)
	}
	return http.StatusOK
}

// claim is what became of a claim that a query names. name is the shopper's, as the query says it.
func (hs *Handlers) claim(c echo.Context, name, id, at string) (shop.Outcome, int) {
	claim, position, err := request.ClaimNamed(id, at)
	if err != nil {
		return hs.failed(c, err)
	}
	st := sale.ClaimState{State: sale.ClaimPending}
	if hs.cfg.Limits.Allow(c, limits.Claims) == nil { // over the limit it stays in sight, and is asked for again
		st, err = hs.cfg.Receipts.Claim(c.Request().Context(), claim, position)
	}
	if err != nil && request.ProblemOf(err).Status >= http.StatusInternalServerError {
		// Nobody can say now, which is no verdict: the claim stays in sight.
		hs.cfg.Log.Fault(c, err)
		st, err = sale.ClaimState{State: sale.ClaimPending}, nil
	}
	if err != nil {
		return hs.failed(c, err)
	}
	if st.Username == "" {
		st.Username = name
	}
	outcome, status := hs.claimView(c, claim, position, st)
	hs.linkReceipt(c, &outcome, st.Receipt)
	if status == http.StatusCreated {
		status = http.StatusOK
	}
	return outcome, status
}

// receipt is the shopper's receipt in the words for a first or a later press. Nil: there is none, whatever the query says.
func (hs *Handlers) receipt(c echo.Context, name, words string) *shop.Outcome {
	if name == "" {
		name = hs.visitor(c.Request()).Username
	}
	r, found, err := hs.owned(c, name)
	if err != nil {
		outcome, _ := hs.failed(c, err)
		return &outcome
	}
	if !found {
		return nil
	}
	outcome := boughtView(language(c), r)
	hs.linkReceipt(c, &outcome, r)
	if words == wasOwned {
		outcome.Title, outcome.Text = language(c).Say("Success: the unit is yours."), language(c).Say("You have already purchased this item. This is the receipt:")
	}
	return &outcome
}

// refusal is what a press was refused with, by the name of its kind, so that no link can show a text of its own. What the sale or the name
// show to be wrong is not said. Nil: there is nothing to say.
func (hs *Handlers) refusal(c echo.Context, kind, name string) *shop.Outcome {
	if kind == request.ErrInvalid.Name {
		_, err := request.NormalName(name, "username")
		if err == nil {
			return nil
		}
		outcome := refused(language(c), request.ProblemOf(err))
		return &outcome
	}
	k := refusalNamed(kind)
	if k == nil {
		return nil
	}
	s, err := hs.cfg.Catalog.Snapshot(slugOf(c))
	if of, ok := stateOf(k); ok && (err != nil || s.Status() != of) {
		return nil
	}
	outcome := refusalView(language(c), k, s)
	outcome.Shopper = shown(name)
	return &outcome
}

// refusalNamed is the kind of that name, if a press can be refused with it.
func refusalNamed(name string) *request.Kind {
	for _, k := range []*request.Kind{
		request.ErrNotStarted, request.ErrEnded, request.ErrPaused, request.ErrSoldOut, request.ErrAllClaimed, request.ErrGenerationChanged,
		request.ErrUndecidable, request.ErrNotAuthorized, request.ErrUnknownShopper, request.ErrNotYou, request.ErrNotBought,
		request.ErrOverloaded, request.ErrUnavailable, request.ErrTooMany,
	} {
		if k.Name == name {
			return k
		}
	}
	return nil
}

// stateOf is the state of the sale that a refusal tells of.
func stateOf(k *request.Kind) (sale.Status, bool) {
	switch k {
	case request.ErrNotStarted:
		return sale.Upcoming, true
	case request.ErrEnded:
		return sale.Ended, true
	case request.ErrPaused:
		return sale.Stopped, true
	case request.ErrSoldOut:
		return sale.SoldOut, true
	}
	return "", false
}

// refusedPress redirects a form's press that did not reach the checkout. It is false for other requests, and for what a form of ours
// cannot cause.
func (hs *Handlers) refusedPress(c echo.Context, problem request.Problem) (bool, error) {
	kind := path.Base(problem.Type)
	if !purchase(c) || refusalNamed(kind) == nil && kind != request.ErrInvalid.Name {
		return false, nil
	}
	c.Response().Header().Del("Retry-After")
	return true, c.Redirect(http.StatusSeeOther, hs.outcomePage(c, kind, problem.UserID)+toOutcome)
}
