package session

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/users"
	"flashsale/users/login"
	"flashsale/views/account"
	"flashsale/views/layout"
)

// InvitationPage shows what a link gives. Who is signed in gets a button, everybody else a form to sign up.
func (hs *Handlers) InvitationPage(c echo.Context) error {
	unreferred(c)
	invited, err := hs.invitation(c)
	if err != nil {
		return err
	}
	return hs.send(c, http.StatusOK, account.FormPage(hs.invitationForm(c, invited, "")))
}

func (hs *Handlers) invitation(c echo.Context) (login.Invitation, error) {
	invited, err := hs.cfg.Team.LookAtInvitation(c.Request().Context(), request.Param(c, "token"))
	return invited, invitationProblem(err)
}

func invitationProblem(err error) error {
	switch {
	case errors.Is(err, login.ErrExpired), errors.Is(err, login.ErrRefused):
		return request.ErrNoInvitation
	case errors.Is(err, login.ErrHasRole):
		return request.ErrHasRole
	}
	return err
}

// Accept gives an account the role of a link: who is signed in, or somebody who signs up here.
func (hs *Handlers) Accept(c echo.Context) error {
	unreferred(c)
	v, err := values(c, request.Spec{fieldUsername: request.Text, fieldPassword: request.Text})
	invited, missing := hs.invitation(c)
	if missing != nil {
		return missing
	}
	if err == nil {
		err = hs.accept(c, v)
	}
	return hs.refused(c, err, formPage(c, hs.invitationForm(c, invited, v.text(fieldUsername))))
}

func (hs *Handlers) accept(c echo.Context, v fields) error {
	who, err := hs.invited(c, v)
	if err != nil {
		return err
	}
	role, err := hs.cfg.Acts.Accept(c.Request().Context(), actOf(c, who.ID, who.Username, "invitation"), request.Param(c, "token"))
	if err != nil {
		return invitationProblem(err)
	}
	next := "/account?notice=invited"
	if role != login.NoRole && hs.cfg.SecondFactor {
		enrolled, err := hs.cfg.Factors.Enrolled(c.Request().Context(), who.ID)
		if err != nil {
			return err
		}
		if !enrolled {
			next = "/account/second-factor"
		}
	}
	// The role ended the sessions that the account had, and a new one knows of it.
	return hs.start(c, proven{Account: who}, http.StatusOK, next)
}

// invited is the account that accepts.
func (hs *Handlers) invited(c echo.Context, v fields) (users.Account, error) {
	if who := hs.cfg.Who(c.Request()); who.Account != 0 {
		return hs.account(c.Request().Context(), who.Account)
	}
	return hs.newcomer(c, v, "")
}

func (hs *Handlers) invitationForm(c echo.Context, i login.Invitation, username string) account.Page {
	lead := say(c, "You are invited to this shop. Your role is %s.", say(c, roleName(i.Role)))
	if i.FirstOwner {
		lead = say(c, "This shop has no owner yet. With this link you become its owner.")
	}
	page := account.Page{Frame: hs.frame(c, say(c, "Invitation")), Lead: []string{lead}}
	path := c.Request().URL.EscapedPath()
	if who := hs.cfg.Who(c.Request()); who.Account != 0 {
		page.Forms = []account.Form{{Action: path, Submit: say(c, "Accept as %s", who.Username)}}
		return page
	}
	name := newNameInput(c, username)
	name.Focus = true
	page.Forms = []account.Form{{Action: path, Inputs: []account.Input{name, newPasswordInput(c)}, Submit: say(c, "Sign up and accept")}}
	page.Links = []layout.Link{{Label: say(c, "You have an account? Sign in first"), Path: request.SignInPath(path)}}
	return page
}
