package session

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/users"
	"flashsale/users/login"
	"flashsale/users/login/limits"
	"flashsale/views/account"
	"flashsale/views/layout"
	"flashsale/views/text"
)

// SignUpPage asks for a name and a password. Somebody who has proved an address needs no password.
func (hs *Handlers) SignUpPage(c echo.Context) error {
	next := asked(c)
	if hs.cfg.Who(c.Request()).Account != 0 {
		return c.Redirect(http.StatusSeeOther, onward(next))
	}
	return hs.send(c, http.StatusOK, account.FormPage(hs.signUpForm(c, next, fields{}, hs.proved(c))))
}

// SignUp makes an account and signs it in. An address becomes the account's once its owner has typed the code that is sent there.
func (hs *Handlers) SignUp(c echo.Context) error {
	v, err := values(c, request.Spec{
		fieldUsername: request.Text, fieldPassword: request.Text, fieldEmail: request.Text, fieldNext: request.Text,
	})
	next, proved := nextOf(v.text(fieldNext)), hs.proved(c)
	if err == nil {
		err = hs.signUp(c, v, next, proved)
	}
	return hs.refused(c, err, formPage(c, hs.signUpForm(c, next, v, proved)))
}

func (hs *Handlers) signUp(c echo.Context, v fields, next, proved string) error {
	email := v.text(fieldEmail)
	if email != "" && proved == "" {
		if !hs.mail() {
			return request.ErrMailOff
		}
		if _, err := request.NormalName(email, fieldEmail); err != nil {
			return err
		}
	}
	made, err := hs.newcomer(c, v, proved)
	if err != nil {
		return err
	}
	who := proven{Account: made, byCode: proved != ""}
	if email == "" || proved != "" {
		return hs.start(c, who, http.StatusCreated, onward(next))
	}
	flow, err := hs.cfg.Codes.BeginEmailChange(c.Request().Context(), who.ID, email, asker(c, ""))
	if err != nil {
		// The account is there; the address can be added later.
		return hs.start(c, who, http.StatusCreated, "/account")
	}
	setCookie(c, cookieEmail, flow)
	return hs.start(c, who, http.StatusCreated, carrying("/account/email/verify", next))
}

// newcomer makes the account of somebody new.
func (hs *Handlers) newcomer(c echo.Context, v fields, proved string) (users.Account, error) {
	username, err := v.required(fieldUsername)
	if err != nil {
		return users.Account{}, err
	}
	password := v.text(fieldPassword)
	if password == "" && proved == "" {
		return users.Account{}, request.BadField(fieldPassword, text.Key(isRequired))
	}
	if err := hs.attempt(c, limits.SignUp); err != nil {
		return users.Account{}, err
	}
	who, err := hs.cfg.Passwords.SignUp(c.Request().Context(), login.SignUp{Username: username, Password: password, VerifiedEmail: proved})
	return who, problem(err, fieldUsername, request.ErrWrongSignIn)
}

func (hs *Handlers) signUpForm(c echo.Context, next string, v fields, proved string) account.Page {
	username := newNameInput(c, v.text(fieldUsername))
	username.Focus = true
	password := newPasswordInput(c)
	page := account.Page{Frame: hs.frame(c, say(c, "Sign up")), Links: []layout.Link{{Label: say(c, "You have an account? Sign in"), Path: carrying("/sign-in", next)}}}
	form := account.Form{Action: "/sign-up", Hidden: hiddenNext(next), Submit: say(c, "Sign up")}
	switch {
	case proved != "":
		page.Lead = []string{say(c, "Your address is %s. Choose the name of your account.", proved)}
		password.Optional, password.Hint = true, say(c, "Without a password you sign in by a code sent to your address.")
		form.Inputs = []account.Input{username, password}
	case hs.mail():
		form.Inputs = []account.Input{username, password, {
			ID: "email", Name: fieldEmail, Label: say(c, "E-mail"), Type: "email", Autocomplete: "email", Value: v.text(fieldEmail), Optional: true,
			MaxLength: "254", Hint: say(c, "With an address you can sign in when you have forgotten the password."),
		}}
	default:
		form.Inputs = []account.Input{username, password}
	}
	page.Forms = []account.Form{form}
	return page
}

func newPasswordInput(c echo.Context) account.Input {
	input := passwordInput(c, "new-password")
	input.Hint = say(c, "A few words that do not belong together make a good one.")
	return input
}

func newNameInput(c echo.Context, value string) account.Input {
	return account.Input{
		ID: "username", Name: fieldUsername, Label: say(c, "Username"), Type: "text", Autocomplete: "username", Value: value, MaxLength: "100",
	}
}

// proved is the address that this browser's visitor has just proved and that no account has, or "".
func (hs *Handlers) proved(c echo.Context) string {
	sealed := cookie(c, cookieProof)
	if sealed == "" {
		return ""
	}
	email, err := hs.cfg.Seals.Unseal(cookieProof, sealed, hs.cfg.Now())
	if err != nil {
		return ""
	}
	return email
}
