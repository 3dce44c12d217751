package session

import (
	"net/http"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
)

// SignOut ends the session. It succeeds without one too.
func (hs *Handlers) SignOut(c echo.Context) error {
	if who := hs.cfg.Who(c.Request()); who.Session != uuid.Nil {
		if err := hs.cfg.Sessions.End(c.Request().Context(), who.Account, who.Session); err != nil {
			return err
		}
	}
	request.ClearSession(c.Response(), c.Request())
	for _, name := range []string{cookieFlow, cookieEmail, cookieHalf, cookieProof} {
		clearCookie(c, name)
	}
	return done(c, "/", http.StatusNoContent, nil)
}
