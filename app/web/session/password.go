package session

import (
	"net/http"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/users/login"
	"flashsale/users/login/limits"
	"flashsale/views/text"
)

// ChangePassword changes one's own password, or sets it without the old one in a session that was just started by a code. All
// sessions end, and this browser gets a new one.
func (hs *Handlers) ChangePassword(c echo.Context) error {
	who, err := hs.signedIn(c)
	if err != nil {
		return err
	}
	v, err := values(c, request.Spec{fieldCurrent: request.Text, fieldNext: request.Text})
	if err == nil {
		err = hs.changePassword(c, who, v)
	}
	return hs.refused(c, err, hs.again(c, who, pathPassword, ""))
}

func (hs *Handlers) changePassword(c echo.Context, who Visitor, v fields) error {
	ctx, current := c.Request().Context(), v.text(fieldCurrent)
	if current == "" {
		if err := hs.mayForget(c, who); err != nil {
			return err
		}
	}
	next, err := v.required(fieldNext)
	if err != nil {
		return err
	}
	if err := hs.attempt(c, limits.SignIn, limits.AccountKey(who.Account)); err != nil {
		return err
	}
	if current == "" {
		err = hs.cfg.Passwords.Set(ctx, who.Account, next)
	} else {
		err = hs.cfg.Passwords.Change(ctx, who.Account, current, next)
	}
	if err := problem(err, fieldNext, wrongCurrent()); err != nil {
		return renamed(err, fieldPassword, fieldNext)
	}
	if hs.mail() {
		hs.cfg.Codes.TellPassword(ctx, who.Account)
	}
	if err := hs.renew(c, who); err != nil {
		return err
	}
	clearCookie(c, cookieFresh)
	return done(c, "/account?notice=password", http.StatusNoContent, nil)
}

// mayForget refuses to set a password without the old one, unless a code has just proved the account.
func (hs *Handlers) mayForget(c echo.Context, who Visitor) error {
	if hs.fresh(c, who) {
		return nil
	}
	has, err := hs.cfg.Passwords.Has(c.Request().Context(), who.Account)
	switch {
	case err != nil:
		return err
	case has:
		return request.BadField(fieldCurrent, text.Key(isRequired))
	}
	return request.ErrFreshCode
}

func wrongCurrent() error {
	return request.WrongField(request.ErrWrongSignIn, fieldCurrent, text.Key("is not right"))
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
