package session

import (
	"net/http"
	"strings"

	"github.com/a-h/templ"
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
		page.Notice = accountNotice(c, c.QueryParam("notice"))
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
func accountNotice(c echo.Context, name string) string {
	switch name {
	case "password":
		return say(c, "Your password is changed, and every other browser is signed out.")
	case "email":
		return say(c, "Your address is verified, and every other browser is signed out.")
	case "invited":
		return say(c, "You have the role now.")
	}
	return ""
}

func (hs *Handlers) accountPage(c echo.Context, who Visitor) (account.Account, error) {
	ctx := c.Request().Context()
	one, err := hs.account(ctx, who.Account)
	if err != nil {
		return account.Account{}, err
	}
	page := account.Account{Page: account.Page{Frame: hs.frame(c, say(c, "Your account"))}, Username: one.Username, Email: shownEmail(one), Mail: hs.mail()}
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
	page.Links = []layout.Link{{Label: say(c, "Your orders"), Path: "/account/orders"}, {Label: say(c, "Where you are signed in"), Path: "/account/sessions"}}
	if who.Role == login.Owner {
		page.Links = append(page.Links, layout.Link{Label: say(c, "The team"), Path: "/admin/team"})
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

// Where the forms of the account's page go to.
const (
	pathPassword = "/account/password"
	pathEmail    = "/account/email"
)

// accountForms are the forms of the account's page. typed is the address that was in one of them.
func (hs *Handlers) accountForms(c echo.Context, who Visitor, email, typed string) ([]account.Form, error) {
	has, err := hs.cfg.Passwords.Has(c.Request().Context(), who.Account)
	if err != nil {
		return nil, err
	}
	var list []account.Form
	fresh, reachable := hs.fresh(c, who), hs.mail() && email != ""
	if has || fresh {
		list = append(list, passwordForm(c, who.Username, has, fresh))
	}
	if reachable && !fresh {
		list = append(list, freshCodeForm(c, who.Username, has))
	}
	if hs.mail() {
		list = append(list, emailForm(c, who.Username, email, typed, has))
	}
	return list, nil
}

// passwordForm asks for the present password, unless there is none or a code has just taken its place.
func passwordForm(c echo.Context, username string, has, fresh bool) account.Form {
	next := passwordInput(c, "new-password")
	next.ID, next.Name, next.Label = "next", fieldNext, say(c, "New password")
	next.Hint = say(c, "Every other browser is signed out then.")
	f := account.Form{
		Heading: say(c, "Change the password"), Action: pathPassword, Submit: say(c, "Change the password"), Quiet: true,
		Hidden: []account.Hidden{{Name: fieldUsername, Value: username}},
	}
	if fresh || !has {
		f.Heading, f.Submit, f.Inputs = say(c, "Set a password"), say(c, "Set the password"), []account.Input{next}
		return f
	}
	f.Inputs = []account.Input{currentInput(c, "current"), next}
	return f
}

func currentInput(c echo.Context, id string) account.Input {
	current := passwordInput(c, "current-password")
	current.ID, current.Name, current.Label = id, fieldCurrent, say(c, "Current password")
	return current
}

// freshCodeForm leads to a sign-in by code and back, after which a password can be set.
func freshCodeForm(c echo.Context, username string, has bool) account.Form {
	f := account.Form{
		Heading: say(c, "Set a password"), Action: "/sign-in/code", Submit: say(c, "Send me a code for that"), Quiet: true,
		Hidden: []account.Hidden{{Name: fieldName, Value: username}, {Name: fieldNext, Value: "/account"}},
	}
	if has {
		f.Heading = say(c, "Forgotten the password?")
	}
	return f
}

func emailForm(c echo.Context, username, present, typed string, has bool) account.Form {
	f := account.Form{Heading: say(c, "Add an e-mail address"), Action: pathEmail, Submit: say(c, "Send me a code"), Quiet: true, Inputs: []account.Input{{
		ID: "email", Name: fieldEmail, Label: say(c, "E-mail"), Type: "email", Autocomplete: "email", Value: typed, MaxLength: "254",
		Hint: say(c, "It becomes yours once you have typed the code that is sent there."),
	}}}
	if present != "" {
		f.Heading, f.Inputs[0].Label = say(c, "Change the e-mail address"), say(c, "New e-mail")
	}
	if has {
		f.Hidden = []account.Hidden{{Name: fieldUsername, Value: username}}
		f.Inputs = append(f.Inputs, currentInput(c, "email-current"))
	}
	return f
}

// again is the page of the account with the errors of one of its forms. typed is the address that was in it.
func (hs *Handlers) again(c echo.Context, who Visitor, action, typed string) func(request.Problem) templ.Component {
	return func(p request.Problem) templ.Component {
		page, err := hs.accountPage(c, who)
		if err == nil {
			page.Forms, err = hs.accountForms(c, who, page.Email, typed)
		}
		if err != nil {
			page = account.Account{Page: account.Page{Frame: hs.frame(c, say(c, "Your account")), Forms: []account.Form{passwordForm(c, who.Username, true, false)}}, Username: who.Username}
		}
		page.Page = markedIn(c, page.Page, action, p)
		return account.AccountPage(page)
	}
}

// markedIn is marked for a page with several forms, of which one was sent.
func markedIn(c echo.Context, page account.Page, action string, p request.Problem) account.Page {
	all := page.Forms
	page.Forms = nil
	for i := range all {
		if all[i].Action == action {
			page.Forms = all[i : i+1]
		}
	}
	page = marked(c, page, p)
	page.Forms = all
	return page
}
