package session

import (
	"net/http"

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
	fieldName     = "name"
	fieldUsername = "username"
	fieldPassword = "password"
	fieldCode     = "code"
	fieldEmail    = "email"
)

// signedInDocument says who is signed in now.
type signedInDocument struct {
	Username string `json:"username"`
	Role     string `json:"role,omitzero"`
}

// halfDocument says that a code of the second factor is asked for.
type halfDocument struct {
	SecondFactor bool `json:"secondFactor"`
}

// SignInPage asks for name and password. Somebody who is signed in already is led on.
func (hs *Handlers) SignInPage(c echo.Context) error {
	next := asked(c)
	if hs.cfg.Who(c.Request()).Account != 0 {
		return c.Redirect(http.StatusSeeOther, onward(next))
	}
	return hs.send(c, http.StatusOK, account.FormPage(hs.signInForm(c, next, "")))
}

// SignIn signs in by password.
func (hs *Handlers) SignIn(c echo.Context) error {
	v, err := values(c, request.Spec{fieldName: request.Text, fieldPassword: request.Text, fieldNext: request.Text})
	next := nextOf(v.text(fieldNext))
	if err == nil {
		err = hs.signIn(c, v, next)
	}
	return hs.refused(c, err, formPage(c, hs.signInForm(c, next, v.text(fieldName))))
}

func (hs *Handlers) signIn(c echo.Context, v fields, next string) error {
	typed, err := v.required(fieldName)
	if err != nil {
		return err
	}
	name, err := request.NormalName(typed, fieldName)
	if err != nil {
		return err
	}
	password, err := v.required(fieldPassword)
	if err != nil {
		return err
	}
	if err := hs.attemptAs(c, limits.SignIn, name); err != nil {
		return err
	}
	since, err := hs.cfg.Sessions.Version(c.Request().Context())
	if err != nil {
		return err
	}
	who, err := hs.cfg.Passwords.Check(c.Request().Context(), name, password)
	if err != nil {
		return problem(err, fieldName, request.ErrWrongSignIn)
	}
	return hs.admit(c, proven{Account: who, since: since}, next)
}

// attemptAs counts an attempt for whoever has a name. A name that nobody has counts by itself.
func (hs *Handlers) attemptAs(c echo.Context, policy limits.Policy, name string) error {
	who, err := hs.cfg.Accounts.WithName(c.Request().Context(), name)
	if err != nil {
		return err
	}
	if who.ID == 0 {
		return hs.attempt(c, policy, limits.NameKey(name))
	}
	return hs.attempt(c, policy, limits.AccountKey(who.ID))
}

// proven is an account that somebody has proved: by its password, or by a code. since is the version of the sign-ins before that.
type proven struct {
	users.Account
	since  int64
	byCode bool
}

// admit signs in somebody who has proved an account. An account with a role has to give a code of its second factor first, when it
// has set one up; when not, it is led to do that.
func (hs *Handlers) admit(c echo.Context, who proven, next string) error {
	role, err := hs.cfg.Team.RoleOf(c.Request().Context(), who.ID)
	if err != nil {
		return err
	}
	if role == login.NoRole || !hs.cfg.SecondFactor {
		return hs.start(c, who, http.StatusOK, onward(next))
	}
	enrolled, err := hs.cfg.Factors.Enrolled(c.Request().Context(), who.ID)
	if err != nil {
		return err
	}
	if !enrolled {
		return hs.start(c, who, http.StatusOK, carrying("/account/second-factor", next))
	}
	if err := hs.keepHalf(c, who); err != nil {
		return err
	}
	return done(c, carrying("/sign-in/second-factor", next), http.StatusOK, halfDocument{SecondFactor: true})
}

// start gives the browser a session. The one that it had ends: a session that somebody planted in a browser is worth nothing.
func (hs *Handlers) start(c echo.Context, who proven, status int, next string) error {
	r := c.Request()
	credential, started, err := hs.cfg.Sessions.Start(r.Context(), who.Account, login.Origin{Network: request.Network(r.RemoteAddr), Agent: r.UserAgent()})
	if err != nil {
		return problem(err, fieldName, request.ErrWrongSignIn)
	}
	if before := hs.cfg.Who(r); before.Session != uuid.Nil {
		if err := hs.cfg.Sessions.End(r.Context(), before.Account, before.Session); err != nil {
			return err
		}
	}
	if err := request.SetSession(c.Response(), r, credential, started.Expires); err != nil {
		return err
	}
	for _, name := range []string{cookieFlow, cookieHalf, cookieProof} {
		clearCookie(c, name)
	}
	if who.byCode {
		if err := hs.keepFresh(c, started); err != nil {
			return err
		}
	}
	if hs.cfg.Owners != nil {
		hs.cfg.Owners.Remember(r.Context(), who.ID, r.RemoteAddr)
	}
	return done(c, next, status, signedInDocument{Username: started.Username, Role: started.Role.String()})
}

func (hs *Handlers) signInForm(c echo.Context, next, name string) account.Page {
	page := account.Page{Frame: hs.frame(c, say(c, "Sign in")), Forms: []account.Form{{
		Action: "/sign-in", Hidden: hiddenNext(next), Submit: say(c, "Sign in"),
		Inputs: []account.Input{nameInput(c, name), passwordInput(c, "current-password")},
	}}}
	if hs.mail() {
		page.Forms = append(page.Forms, account.Form{
			Heading: say(c, "Or sign in by e-mail"), Action: "/sign-in/code", Hidden: hiddenNext(next), Submit: say(c, "Send me a code"), Quiet: true,
			Inputs: []account.Input{{
				ID: "code-name", Name: fieldName, Label: say(c, "E-mail or username"), Type: "text", Autocomplete: "email", MaxLength: "254",
				Hint: say(c, "The code goes to the address of the account. With it you can also set a new password, or sign up."),
			}},
		})
	}
	page.Links = []layout.Link{{Label: say(c, "New here? Sign up"), Path: carrying("/sign-up", next)}}
	page.Forms[0].Inputs[min(len(name), 1)].Focus = true // the password, when the name is there
	return page
}

func hiddenNext(next string) []account.Hidden {
	if next == "" {
		return nil
	}
	return []account.Hidden{{Name: fieldNext, Value: next}}
}

func nameInput(c echo.Context, value string) account.Input {
	return account.Input{ID: "name", Name: fieldName, Label: say(c, "Username or e-mail"), Type: "text", Autocomplete: "username", Value: value, MaxLength: "254"}
}

func passwordInput(c echo.Context, autocomplete string) account.Input {
	return account.Input{ID: "password", Name: fieldPassword, Label: say(c, "Password"), Type: "password", Autocomplete: autocomplete}
}

func codeInput(c echo.Context) account.Input {
	return account.Input{
		ID: "code", Name: fieldCode, Label: say(c, "Code"), Type: "text", Autocomplete: "one-time-code", Mode: "numeric", MaxLength: "20", Focus: true,
	}
}

// SignOut ends the session. It succeeds without one too.
func (hs *Handlers) SignOut(c echo.Context) error {
	if who := hs.cfg.Who(c.Request()); who.Session != uuid.Nil {
		if err := hs.cfg.Sessions.End(c.Request().Context(), who.Account, who.Session); err != nil {
			return err
		}
	}
	request.ClearSession(c.Response(), c.Request())
	clearCookie(c, cookieFresh)
	for _, name := range []string{cookieFlow, cookieEmail, cookieHalf, cookieProof} {
		clearCookie(c, name)
	}
	return done(c, "/", http.StatusNoContent, nil)
}
