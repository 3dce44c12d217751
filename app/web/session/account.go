package session

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/users"
	"flashsale/users/login"
	"flashsale/views/account"
	"flashsale/views/layout"
)

const (
	fieldCurrent = "current"
	// unverified ends what stands in the place of an address that the account does not have.
	unverified = "@unverified.invalid"
)

type accountDocument struct {
	Username string `json:"username"`
	// Email is the verified address.
	Email string `json:"email,omitzero"`
	// Password is false for an account that signs in by codes alone.
	Password bool   `json:"password"`
	Role     string `json:"role,omitzero"`
	// SecondFactor is told of accounts with a role.
	SecondFactor *bool `json:"secondFactor,omitempty"`
}

// Account shows one's own account.
func (hs *Handlers) Account(c echo.Context) error {
	who, err := hs.signedIn(c)
	if err != nil {
		return err
	}
	page, err := hs.accountPage(c, who)
	if err != nil {
		return err
	}
	private(c)
	if request.WantsPage(c.Request()) {
		page.Notice = accountNotice(c.QueryParam("notice"))
		return hs.send(c, http.StatusOK, account.AccountPage(page))
	}
	d := accountDocument{Username: page.Username, Email: page.Email, Role: page.Role}
	if d.Password, err = hs.cfg.Passwords.Has(c.Request().Context(), who.Account); err != nil {
		return err
	}
	if page.Role != "" {
		d.SecondFactor = &page.SecondFactor
	}
	return request.WriteJSON(c, http.StatusOK, d)
}

// accountNotice is the sentence for what a form did. The query only selects it, so no link can show a text of its own.
func accountNotice(name string) string {
	switch name {
	case "password":
		return "Your password is changed, and every other browser is signed out."
	case "email":
		return "Your address is verified, and every other browser is signed out."
	case "invited":
		return "You have the role now."
	}
	return ""
}

func (hs *Handlers) accountPage(c echo.Context, who Visitor) (account.Account, error) {
	ctx := c.Request().Context()
	one, err := hs.account(ctx, who.Account)
	if err != nil {
		return account.Account{}, err
	}
	page := account.Account{Page: account.Page{Frame: hs.frame(c, "Your account")}, Username: one.Username, Email: shownEmail(one), Mail: hs.mail()}
	// The session of somebody without a second factor has no role yet.
	role, err := hs.cfg.Team.RoleOf(ctx, who.Account)
	if err != nil {
		return account.Account{}, err
	}
	if role != login.NoRole {
		page.Role = role.String()
		if page.SecondFactor, err = hs.cfg.Factors.Enrolled(ctx, who.Account); err != nil {
			return account.Account{}, err
		}
	}
	page.Links = []layout.Link{{Label: "Your orders", Path: "/account/orders"}, {Label: "Where you are signed in", Path: "/account/sessions"}}
	if who.Role == login.Owner {
		page.Links = append(page.Links, layout.Link{Label: "The team", Path: "/admin/team"})
	}
	page.Forms, err = hs.accountForms(c, who, page.Email, "")
	return page, err
}

// shownEmail is the address of an account, or "" when it has none.
func shownEmail(a users.Account) string {
	if strings.HasSuffix(a.Email, unverified) {
		return ""
	}
	return a.Email
}
