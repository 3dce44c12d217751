package session

import (
	"net/http"
	"strings"

	"github.com/a-h/templ"
	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/users"
	"flashsale/users/login"
	"flashsale/users/login/limits"
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
	Role  string `json:"role,omitzero"`
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
		return "Your address is verified."
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
	page.Forms = []account.Form{passwordForm(one.Username)}
	if page.Mail {
		page.Forms = append(page.Forms, emailForm(page.Email, ""))
	}
	return page, nil
}

// shownEmail is the address of an account, or "" when it has none.
func shownEmail(a users.Account) string {
	if strings.HasSuffix(a.Email, unverified) {
		return ""
	}
	return a.Email
}

func passwordForm(username string) account.Form {
	next := passwordInput("new-password")
	next.ID, next.Name, next.Label = "next", fieldNext, "New password"
	next.Hint = "Every other browser is signed out then."
	current := passwordInput("current-password")
	current.ID, current.Name, current.Label = "current", fieldCurrent, "Current password"
	return account.Form{
		Heading: "Change the password", Action: "/account/password", Submit: "Change the password", Quiet: true,
		Hidden: []account.Hidden{{Name: fieldUsername, Value: username}}, Inputs: []account.Input{current, next},
	}
}

func emailForm(present, typed string) account.Form {
	f := account.Form{Heading: "Add an e-mail address", Action: "/account/email", Submit: "Send me a code", Quiet: true, Inputs: []account.Input{{
		ID: "email", Name: fieldEmail, Label: "E-mail", Type: "email", Autocomplete: "email", Value: typed, MaxLength: "254",
		Hint: "It becomes yours once you have typed the code that is sent there.",
	}}}
	if present != "" {
		f.Heading, f.Inputs[0].Label = "Change the e-mail address", "New e-mail"
	}
	return f
}

// again is the page of the account with the errors of a form. typed is the address that was in it.
func (hs *Handlers) again(c echo.Context, who Visitor, typed string) func(request.Problem) templ.Component {
	return func(p request.Problem) templ.Component {
		page, err := hs.accountPage(c, who)
		if err != nil {
			page = account.Account{Page: account.Page{Frame: hs.frame(c, "Your account"), Forms: []account.Form{passwordForm(who.Username)}}, Username: who.Username}
		}
		if page.Mail {
			page.Forms[1] = emailForm(page.Email, typed)
		}
		page.Page = marked(page.Page, p)
		return account.AccountPage(page)
	}
}

// ChangePassword changes one's own password. All sessions end, and this browser gets a new one.
func (hs *Handlers) ChangePassword(c echo.Context) error {
	who, err := hs.signedIn(c)
	if err != nil {
		return err
	}
	v, err := values(c, request.Spec{fieldCurrent: request.Text, fieldNext: request.Text})
	if err == nil {
		err = hs.changePassword(c, who, v)
	}
	return hs.refused(c, err, hs.again(c, who, ""))
}

func (hs *Handlers) changePassword(c echo.Context, who Visitor, v fields) error {
	current, err := v.required(fieldCurrent)
	if err != nil {
		return err
	}
	next, err := v.required(fieldNext)
	if err != nil {
		return err
	}
	if err := hs.attempt(c, limits.SignIn, limits.AccountKey(who.Account)); err != nil {
		return err
	}
	err = hs.cfg.Passwords.Change(c.Request().Context(), who.Account, current, next)
	wrong := request.WrongField(request.ErrWrongSignIn, fieldCurrent, "is not right")
	if err := problem(err, fieldNext, wrong); err != nil {
		return renamed(err, fieldPassword, fieldNext)
	}
	if err := hs.renew(c, who); err != nil {
		return err
	}
	return done(c, "/account?notice=password", http.StatusNoContent, nil)
}

// renamed is a problem whose field has another name in this form.
func renamed(err error, from, to string) error {
	p := request.ProblemOf(err)
	for i := range p.Errors {
		if p.Errors[i].Field == from {
			return weakPassword(to, p.Errors[i].Message)
		}
	}
	return err
}

// renew gives this browser a new session of the same account. What the account may do is read anew.
func (hs *Handlers) renew(c echo.Context, who Visitor) error {
	r := c.Request()
	one, err := hs.account(r.Context(), who.Account)
	if err != nil {
		return err
	}
	credential, started, err := hs.cfg.Sessions.Start(r.Context(), one, login.Origin{Network: request.Network(r.RemoteAddr), Agent: r.UserAgent()})
	if err != nil {
		return err
	}
	if err := request.SetSession(c.Response(), r, credential, started.Expires); err != nil {
		return err
	}
	if who.Session == uuid.Nil {
		return nil
	}
	return hs.cfg.Sessions.End(r.Context(), who.Account, who.Session)
}

// ChangeEmail sends a code to a new address.
func (hs *Handlers) ChangeEmail(c echo.Context) error {
	who, err := hs.signedIn(c)
	if err != nil {
		return err
	}
	v, err := values(c, request.Spec{fieldEmail: request.Text})
	if err == nil {
		err = hs.changeEmail(c, who, v)
	}
	return hs.refused(c, err, hs.again(c, who, v.text(fieldEmail)))
}

func (hs *Handlers) changeEmail(c echo.Context, who Visitor, v fields) error {
	if !hs.mail() {
		return request.ErrMailOff
	}
	email, err := v.required(fieldEmail)
	if err != nil {
		return err
	}
	if err := hs.attempt(c, limits.Code, limits.AccountKey(who.Account)); err != nil {
		return err
	}
	flow, err := hs.cfg.Codes.BeginEmailChange(c.Request().Context(), who.Account, email)
	if err != nil {
		return problem(err, fieldEmail, request.ErrSignIn)
	}
	setCookie(c, cookieEmail, flow)
	return done(c, "/account/email/verify", http.StatusAccepted, sentDocument{Message: sentToNew})
}

const sentToNew = "A code is on its way to the new address. It can be used for ten minutes."

// EmailPage asks for the code that was sent to a new address.
func (hs *Handlers) EmailPage(c echo.Context) error {
	if _, err := hs.signedIn(c); err != nil {
		return err
	}
	return hs.send(c, http.StatusOK, account.FormPage(hs.emailCodeForm(c, asked(c))))
}

// VerifyEmail makes a new address the account's.
func (hs *Handlers) VerifyEmail(c echo.Context) error {
	who, err := hs.signedIn(c)
	if err != nil {
		return err
	}
	v, err := values(c, request.Spec{fieldCode: request.Text, fieldNext: request.Text})
	next := nextOf(v.text(fieldNext))
	if err == nil {
		err = hs.verifyEmail(c, who, v, next)
	}
	return hs.refused(c, err, formPage(hs.emailCodeForm(c, next)))
}

func (hs *Handlers) verifyEmail(c echo.Context, who Visitor, v fields, next string) error {
	if !hs.mail() {
		return request.ErrMailOff
	}
	code, err := v.required(fieldCode)
	if err != nil {
		return err
	}
	if err := hs.attempt(c, limits.CodeVerify, limits.AccountKey(who.Account)); err != nil {
		return err
	}
	flow := cookie(c, cookieEmail)
	if flow == "" {
		return request.ErrCodeExpired
	}
	if err := hs.cfg.Codes.VerifyEmailChange(c.Request().Context(), who.Account, flow, code); err != nil {
		return problem(err, fieldEmail, wrongCode())
	}
	clearCookie(c, cookieEmail)
	if next == "" {
		next = "/account?notice=email"
	}
	return done(c, next, http.StatusNoContent, nil)
}

func (hs *Handlers) emailCodeForm(c echo.Context, next string) account.Page {
	return account.Page{
		Frame: hs.frame(c, "Verify your address"), Lead: []string{sentToNew},
		Forms: []account.Form{{Action: "/account/email/verify", Hidden: hiddenNext(next), Inputs: []account.Input{codeInput()}, Submit: "Verify"}},
		Links: []layout.Link{{Label: "Later", Path: onward(next)}},
	}
}
