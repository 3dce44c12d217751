package session

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/users/login/limits"
	"flashsale/views/account"
	"flashsale/views/layout"
	"flashsale/views/text"
)

// ChangeEmail sends a code to a new address. Who has a password has to type it.
func (hs *Handlers) ChangeEmail(c echo.Context) error {
	who, err := hs.signedIn(c)
	if err != nil {
		return err
	}
	v, err := values(c, request.Spec{fieldEmail: request.Text, fieldCurrent: request.Text})
	if err == nil {
		err = hs.changeEmail(c, who, v)
	}
	return hs.refused(c, err, hs.again(c, who, pathEmail, v.text(fieldEmail)))
}

func (hs *Handlers) changeEmail(c echo.Context, who Visitor, v fields) error {
	if !hs.mail() {
		return request.ErrMailOff
	}
	email, err := v.required(fieldEmail)
	if err != nil {
		return err
	}
	if err := hs.prove(c, who, v.text(fieldCurrent)); err != nil {
		return err
	}
	if err := hs.attempt(c, limits.Code, limits.AccountKey(who.Account)); err != nil {
		return err
	}
	flow, err := hs.cfg.Codes.BeginEmailChange(c.Request().Context(), who.Account, email, asker(c, ""))
	if err != nil {
		return problem(err, fieldEmail, request.ErrSignIn)
	}
	setCookie(c, cookieEmail, flow)
	return done(c, "/account/email/verify", http.StatusAccepted, sentDocument{Message: sentToNew})
}

// prove asks for the current password of an account that has one.
func (hs *Handlers) prove(c echo.Context, who Visitor, current string) error {
	has, err := hs.cfg.Passwords.Has(c.Request().Context(), who.Account)
	switch {
	case err != nil:
		return err
	case !has:
		return nil
	case current == "":
		return request.BadField(fieldCurrent, text.Key(isRequired))
	}
	if err := hs.attempt(c, limits.SignIn, limits.AccountKey(who.Account)); err != nil {
		return err
	}
	return problem(hs.cfg.Passwords.Prove(c.Request().Context(), who.Account, current), fieldCurrent, wrongCurrent())
}

const sentToNew = "A code is on its way to the new address. It can be used for ten minutes."

// EmailPage asks for the code that was sent to a new address.
func (hs *Handlers) EmailPage(c echo.Context) error {
	if _, err := hs.signedIn(c); err != nil {
		return err
	}
	return hs.send(c, http.StatusOK, account.FormPage(hs.emailCodeForm(c, asked(c))))
}

// VerifyEmail makes a new address the account's. All sessions end, and this browser gets a new one.
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
	return hs.refused(c, err, formPage(c, hs.emailCodeForm(c, next)))
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
	// The new address has ended all sessions.
	if err := hs.renew(c, who); err != nil {
		return err
	}
	if next == "" {
		next = "/account?notice=email"
	}
	return done(c, next, http.StatusNoContent, nil)
}

func (hs *Handlers) emailCodeForm(c echo.Context, next string) account.Page {
	return account.Page{
		Frame: hs.frame(c, say(c, "Verify your address")), Lead: []string{say(c, sentToNew)},
		Forms: []account.Form{{Action: "/account/email/verify", Hidden: hiddenNext(next), Inputs: []account.Input{codeInput(c)}, Submit: say(c, "Verify")}},
		Links: []layout.Link{{Label: say(c, "Later"), Path: onward(next)}},
	}
}
