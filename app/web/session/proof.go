package session

import (
	"fmt"
	"strconv"

	"github.com/labstack/echo/v4"

	"flashsale/users"
	"flashsale/users/login"
)

// keepHalf gives the browser a sign-in that lacks the code of the second factor. It is void once all sessions of the account end.
func (hs *Handlers) keepHalf(c echo.Context, who proven) error {
	text := fmt.Sprintf("%d.%d.%t", who.ID, who.since, who.byCode)
	return hs.keep(c, cookieHalf, text)
}

// half is the account whose password or code was right in this browser. Only its id is known.
func (hs *Handlers) half(c echo.Context) (proven, error) {
	text, err := hs.cfg.Seals.Unseal(cookieHalf, cookie(c, cookieHalf), hs.cfg.Now())
	if err != nil {
		return proven{}, err
	}
	var who proven
	// One of the version before has the id alone, and is refused.
	if _, err := fmt.Sscanf(text, "%d.%d.%t", &who.ID, &who.since, &who.byCode); err != nil {
		return proven{}, login.ErrNoSession
	}
	return who, nil
}

// keepFresh says in the browser that its new session was started by a code.
func (hs *Handlers) keepFresh(c echo.Context, started login.Session) error {
	return hs.keep(c, cookieFresh, freshText(started.Account, started.ID.String()))
}

// fresh is true when the session of the request was started by a code a short time ago. A session that is renewed is another one.
func (hs *Handlers) fresh(c echo.Context, who Visitor) bool {
	text, err := hs.cfg.Seals.Unseal(cookieFresh, cookie(c, cookieFresh), hs.cfg.Now())
	return err == nil && text == freshText(who.Account, who.Session.String())
}

func freshText(account int64, session string) string {
	return strconv.FormatInt(account, 10) + "." + session
}

// keep seals a text in a cookie for as long as that lives.
func (hs *Handlers) keep(c echo.Context, name, text string) error {
	sealed, err := hs.cfg.Seals.Seal(name, text, hs.cfg.Now().Add(lifeOf(name)))
	if err != nil {
		return err
	}
	setCookie(c, name, sealed)
	return nil
}

// byCode is an account that has proved its address in this request.
func byCode(who users.Account, since int64) proven {
	return proven{Account: who, since: since, byCode: true}
}
