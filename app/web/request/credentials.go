package request

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

const (
	// secureCookie is the name of the session's cookie over TLS. Browsers take a cookie of such a name only from this very host
	// and over TLS, so no other site and no network can plant one.
	secureCookie = "__Host-session"
	// plainCookie is its name on this machine over HTTP, and nowhere else.
	plainCookie = "session"
)

// sessionCookie is the credential that the browser sent, or "".
func sessionCookie(r *http.Request) string {
	lines := r.Header["Cookie"]
	if len(lines) == 0 {
		return ""
	}
	if Secure(r) {
		return cookie(lines, secureCookie)
	}
	value := cookie(lines, plainCookie)
	if value == "" || !OfThisMachine(r) {
		return ""
	}
	return value
}

// cookie is the value of the first cookie of that name.
func cookie(lines []string, name string) string {
	for _, line := range lines {
		for rest := line; rest != ""; {
			part, more, _ := strings.Cut(rest, ";")
			part, rest = strings.TrimLeft(part, " "), more
			if len(part) > len(name) && part[len(name)] == '=' && part[:len(name)] == name {
				return part[len(name)+1:]
			}
		}
	}
	return ""
}

// cookieName is the name that the session's cookie has for this request. It is false where there may be none: over HTTP from
// elsewhere everybody on the way can read it.
func cookieName(r *http.Request) (name string, ok bool) {
	if Secure(r) {
		return secureCookie, true
	}
	return plainCookie, OfThisMachine(r)
}

// KeepsSessions is true where a browser can be given a session: over TLS, and on this machine.
func KeepsSessions(r *http.Request) bool {
	_, ok := cookieName(r)
	return ok
}

// OfThisMachine is true for a request that comes from this machine and names it.
func OfThisMachine(r *http.Request) bool {
	if hasPort(r.RemoteAddr, "127.0.0.1") {
		return loopbackHost(r.Host)
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && from.Addr().Unmap().IsLoopback() && loopbackHost(r.Host)
}

// loopbackHost is true for the names that browsers know to be this machine.
func loopbackHost(host string) bool {
	if hasPort(host, "localhost") || hasPort(host, "127.0.0.1") {
		return true
	}
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.Trim(strings.ToLower(name), "[]")
	if name == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.Zone() == "" && ip.Unmap().IsLoopback()
}

// hasPort is true for a name with a port behind it, as nearly every request on this machine has it. It is false also for other
// spellings of the same, which have to be parsed.
func hasPort(at, name string) bool {
	port, ok := strings.CutPrefix(at, name)
	if !ok || len(port) < 2 || len(port) > 6 || port[0] != ':' || len(port) == 6 && port > ":65535" {
		return false
	}
	for i := 1; i < len(port); i++ {
		if port[i] < '0' || port[i] > '9' {
			return false
		}
	}
	return true
}

// SetSession gives the browser a credential until expires. ErrInsecure: over HTTP from elsewhere there are no sessions.
func SetSession(w http.ResponseWriter, r *http.Request, credential string, expires time.Time) error {
	name, ok := cookieName(r)
	if !ok {
		return ErrInsecure
	}
	SetCookie(w, r, name, credential, expires)
	return nil
}

// ClearSession takes the credential away.
func ClearSession(w http.ResponseWriter, r *http.Request) {
	if name, ok := cookieName(r); ok {
		SetCookie(w, r, name, "", time.Time{})
	}
}

// SetCookie sets a cookie that no script reads and no other site's form brings along. An empty value removes it.
func SetCookie(w http.ResponseWriter, r *http.Request, name, value string, expires time.Time) {
	c := &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, Secure: Secure(r), SameSite: http.SameSiteLaxMode, Expires: expires} //nolint:gosec // Secure is left out on this machine over HTTP only
	if value == "" {
		c.MaxAge, c.Expires = -1, time.Time{}
	}
	http.SetCookie(w, c)
}

// bearer is the API token of a request.
func bearer(h http.Header) (secret string, found bool) {
	for _, line := range h["Authorization"] {
		if scheme, value, ok := strings.Cut(line, " "); ok && strings.EqualFold(scheme, "Bearer") {
			return strings.TrimLeft(value, " "), true
		}
	}
	return "", false
}
