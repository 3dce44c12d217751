package session

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
)

// The cookies of signing in. They live for as long as it takes, and no script can read them.
const (
	// cookieFlow belongs to a code that was sent for signing in, cookieEmail to one for a new address. Each is a secret of
	// users/login: a code that was sent for one browser does not work in another.
	cookieFlow  = "code"
	cookieEmail = "email-code"
	// cookieHalf is a sealed account whose password or code was right and whose second factor is still asked for.
	cookieHalf = "second-factor"
	// cookieProof is a sealed address that was proved and that no account had then. Once an account has it, it gives it to nobody.
	cookieProof = "proof"
	// cookieFresh is a sealed session that somebody has just signed in to by a code. In it the password can be set without the old one.
	cookieFresh = "fresh-code"
)

const (
	// stepTime is how long somebody may take for one step of signing in, and for a new password after a sign-in by code.
	stepTime = 15 * time.Minute
	// halfTime is how long the code of the second factor is waited for.
	halfTime = 5 * time.Minute
)

// lifeOf is how long a cookie lives.
func lifeOf(name string) time.Duration {
	if name == cookieHalf {
		return halfTime
	}
	return stepTime
}

// cookieName has the prefix that makes browsers keep the cookie for this very host, and send it encrypted only. Without TLS on
// this machine browsers would refuse it.
func cookieName(r *http.Request, name string) string {
	if request.Secure(r) {
		return "__Host-" + name
	}
	return name
}

// setCookie gives the browser a value for one step of signing in.
func setCookie(c echo.Context, name, value string) {
	request.SetCookie(c.Response(), c.Request(), cookieName(c.Request(), name), value, time.Now().Add(lifeOf(name)))
}

func clearCookie(c echo.Context, name string) {
	if cookie(c, name) != "" {
		request.SetCookie(c.Response(), c.Request(), cookieName(c.Request(), name), "", time.Time{})
	}
}

func cookie(c echo.Context, name string) string {
	found, err := c.Request().Cookie(cookieName(c.Request(), name))
	if err != nil {
		return ""
	}
	return found.Value
}
