package admin

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"flashsale/app/operator"
	"flashsale/app/web/desk"
	"flashsale/app/web/request"
	"flashsale/users"
)

type barDocument struct {
	Success     bool   `json:"success"`
	Message     string `json:"message"`
	Username    string `json:"username"`
	CanPurchase bool   `json:"canPurchase"`
	// Before is what it was before the act.
	Before bool `json:"before"`
}

// BarShopper lets an account buy no more. What it has bought stays bought.
func (hs *Handlers) BarShopper(c echo.Context) error { return hs.bar(c, false) }

// UnbarShopper lets an account buy again.
func (hs *Handlers) UnbarShopper(c echo.Context) error { return hs.bar(c, true) }

// bar answers programs with the document, and leads a browser to the account's page, which says what was done.
func (hs *Handlers) bar(c echo.Context, may bool) error {
	a, reason, err := hs.reasoned(c)
	if err != nil {
		return err
	}
	name, err := users.NormalName(request.Param(c, "name"))
	if err != nil {
		return request.ErrNoAccount
	}
	done, err := hs.cfg.Operations.Bar(c.Request().Context(), a, name, may, reason)
	if err != nil {
		return err
	}
	if request.WantsPage(c.Request()) {
		return c.Redirect(http.StatusSeeOther, desk.ShopperPath(done.Username)+"?done="+barNotice(&done))
	}
	message := spoken(c).Say("%s may not buy any more; what was bought stays bought", done.Username)
	if may {
		message = spoken(c).Say("%s may buy again", done.Username)
	}
	return request.WriteJSON(c, http.StatusOK, barDocument{Success: true, Message: message, Username: done.Username, CanPurchase: done.After, Before: done.Before})
}

// barNotice names what the page of the account says of an act.
func barNotice(done *operator.Barring) string {
	switch {
	case done.Before == done.After:
		return "nothing"
	case done.After:
		return "unbar"
	}
	return "bar"
}

// reasoned is act for an act whose body has a reason, which goes into the audit log.
func (hs *Handlers) reasoned(c echo.Context) (operator.Act, string, error) {
	const field = "reason"
	a, v, err := hs.act(c, request.Spec{field: request.Text})
	if err != nil {
		return a, "", err
	}
	reason, _ := v[field].(string)
	if reason = strings.TrimSpace(reason); !request.PlainText(reason, request.MaxReason) {
		return a, "", request.BadField(field, "is required: 1 to 500 characters of plain text, which go into the audit log")
	}
	return a, reason, nil
}
