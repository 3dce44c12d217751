package request

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// guard refuses requests that pages of other sites send. It reads what browsers say about the origin of a request. In demo
// mode it also checks the Host field, because an attacker can point a name of their own at 127.0.0.1.
type guard struct {
	// hosts are the names demo mode answers to; nil: all.
	hosts map[string]bool
	// private is demo mode for this machine only: what a proxy has forwarded comes from strangers and is refused.
	private bool
	// origins may call from their pages, with credentials.
	origins map[string]bool
}

func newGuard(demo, public bool, demoHosts, origins []string) guard {
	g := guard{private: demo && !public, origins: map[string]bool{}}
	for _, o := range origins {
		g.origins[strings.ToLower(strings.TrimSuffix(o, "/"))] = true
	}
	if !demo {
		return g
	}
	g.hosts = map[string]bool{"localhost": true, "127.0.0.1": true, "[::1]": true}
	for _, h := range demoHosts {
		if strings.Count(h, ":") > 1 && h[0] != '[' {
			h = "[" + h + "]"
		}
		g.hosts[strings.ToLower(hostname(h))] = true
	}
	return g
}

// hostname is a Host field without its port. An IPv6 address keeps its brackets.
func hostname(host string) string {
	if strings.HasPrefix(host, "[") {
		address, port, ok := strings.Cut(host, "]")
		if ok && (port == "" || port[0] == ':') {
			return address + "]"
		}
		return host
	}
	if i := strings.IndexByte(host, ':'); i >= 0 && strings.Count(host, ":") == 1 {
		return host[:i]
	}
	return host
}

// check refuses what a proxy has forwarded to a private demo, what does not come to this host, and what comes from another
// site.
func (g guard) check(rt Route, r *http.Request, came way) error {
	if came.forwarded && !rt.Forwarded {
		return ErrForwarded
	}
	if g.hosts != nil && !(g.ours(r.Host) && (came.host == "" || g.ours(came.host))) {
		return ErrHost
	}
	if safe(r.Method) {
		return nil
	}
	if err := g.sameSite(r, came.host); err != nil {
		return err
	}
	if rt.Upload {
		return nil // its handler takes no types but those of files
	}
	return g.readable(r)
}

// readable refuses a body that a browser sends with its cookies and no page of ours would: a page of another site may send text
// that looks like JSON under any plain type, or none, without asking first. In demo mode cookies mean nothing.
func (g guard) readable(r *http.Request) error {
	if g.hosts != nil || r.ContentLength == 0 || r.Header["Cookie"] == nil {
		return nil
	}
	switch kind := r.Header["Content-Type"]; {
	case kind == nil:
		return ErrMediaType
	case kind[0] == "application/json" && r.Header["Content-Encoding"] == nil:
		return nil // as nearly every press has it
	}
	_, err := bodyEncoding(r.Header)
	return err
}

func (g guard) ours(host string) bool {
	name := hostname(host)
	return g.hosts[name] || g.hosts[strings.ToLower(name)]
}

func safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// sameSite lets through requests that no browser sent, that our own pages sent, and that pages of an allowed
// origin sent. Old browsers send no Sec-Fetch-Site but an Origin. One with neither comes from no browser, even with a cookie: every
// browser since 2020 sends one of them with a POST. "none" is what the user does without any page.
func (g guard) sameSite(r *http.Request, asked string) error {
	site, origin := Header(r, "Sec-Fetch-Site"), Header(r, "Origin")
	switch {
	case g.private && site == "same-origin" && !g.local(origin):
		return ErrForwarded // a proxy in front has replaced the Host field
	case site == "same-origin", site == "none", site == "" && origin == "":
		return nil
	case origin != "" && g.origins[strings.ToLower(origin)]:
		return nil
	case site == "" && (sameHost(origin, r.Host) || asked != "" && sameHost(origin, asked)):
		return nil
	}
	return ErrCrossSite
}

// local reports whether a page of this origin can have come from a demo on this machine. Not every request names its origin.
func (g guard) local(origin string) bool {
	if origin == "" || g.origins[strings.ToLower(origin)] {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && g.ours(u.Host)
}

// sameHost compares host and port. A proxy in front can have changed the scheme.
func sameHost(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, host)
}

// allowOrigin adds the CORS fields for a page of an allowed origin.
func (g guard) allowOrigin(r *http.Request, h http.Header) {
	if len(g.origins) == 0 {
		return
	}
	h["Vary"] = headerVaryOrigin
	origin := Header(r, "Origin")
	if origin == "" || !g.origins[strings.ToLower(origin)] {
		return
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
	h.Set("Access-Control-Expose-Headers", "ETag, Location, Retry-After, Sale-Version, X-Request-Id, RateLimit, RateLimit-Policy")
}

// Preflight answers OPTIONS for the routes of e: what the address takes, and to pages of an allowed origin what they may
// send.
func Preflight(e *echo.Echo) echo.HandlerFunc {
	return func(c echo.Context) error {
		h, r := c.Response().Header(), c.Request()
		allow := allowed(e, c.Path())
		h.Set("Allow", allow)
		if h.Get("Access-Control-Allow-Origin") != "" && Header(r, "Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", allow)
			h.Set("Access-Control-Allow-Headers", "Content-Type, Idempotency-Key, If-Match, Prefer, Traceparent, X-Request-Id, Last-Event-ID")
			h.Set("Access-Control-Max-Age", "600")
		}
		return c.NoContent(http.StatusNoContent)
	}
}

// allowed are the methods a path takes, for the Allow field.
func allowed(e *echo.Echo, path string) string {
	methods := []string{http.MethodOptions}
	for _, r := range e.Routes() {
		if r.Path == path && !slices.Contains(methods, r.Method) {
			methods = append(methods, r.Method)
		}
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}

// Network is the part of a client's address that one customer of an access network usually has alone: an IPv4 address, or
// the first 56 bits of an IPv6 address.
func Network(remote string) string {
	// Not SplitHostPort, because it refuses some addresses: such an address then keeps its port, which differs by connection.
	host := remote
	if at := strings.LastIndexByte(remote, ':'); at >= 0 {
		host = remote[:at]
	}
	host, _, _ = strings.Cut(strings.Trim(host, "[]"), "%") // the name of an interface is not part of the address
	ip := net.ParseIP(host)
	switch {
	case ip == nil:
		return host
	case ip.To4() != nil:
		return ip.String()
	}
	return ip.Mask(net.CIDRMask(56, 128)).String()
}
