package session

import (
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// cookieSession is the credential of a session.
const cookieSession = "session"

// The cookies of signing in. They live for as long as it takes, and no script can read them.
const (
	// cookieFlow belongs to a code that was sent for signing in, cookieEmail to one for a new address. Each is a secret of
	// users/login: a code that was sent for one browser does not work in another.
	cookieFlow  = "code"
	cookieEmail = "email-code"
	// cookieHalf is a sealed account whose password or code was right and whose second factor is still asked for.
	cookieHalf = "second-factor"
	// cookieProof is the ticket of an address that was proved and that no account has yet.
	cookieProof = "proof"
)

// stepTime is how long somebody may take for one step of signing in.
const stepTime = 15 * time.Minute

// cookieName has the prefix that makes browsers keep the cookie for this very host, and send it encrypted only. Without TLS on
// loopback browsers would refuse it.
func cookieName(r *http.Request, name string) string {
	if plain(r) {
		return name
	}
	return "__Host-" + name
}

// plain is true for a request over http to a loopback name.
func plain(r *http.Request) bool {
	if r.TLS != nil {
		return false
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

// setCookie gives the browser a value for a time. No time at all takes the cookie away.
func setCookie(c echo.Context, name, value string, life time.Duration) {
	r := c.Request()
	cookie := &http.Cookie{
		Name: cookieName(r, name), Value: value, Path: "/", MaxAge: int(life / time.Second),
		Secure: !plain(r), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if life <= 0 {
		cookie.MaxAge = -1
	}
	http.SetCookie(c.Response(), cookie)
}

func clearCookie(c echo.Context, name string) {
	if cookie(c, name) != "" {
		setCookie(c, name, "", 0)
	}
}

func cookie(c echo.Context, name string) string {
	found, err := c.Request().Cookie(cookieName(c.Request(), name))
	if err != nil {
		return ""
	}
	return found.Value
}
