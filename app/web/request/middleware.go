package request

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"

	"flashsale/events/audit"

	"github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
)

// writeGrace is how long after its context's end an answer may still be written.
const writeGrace = 10 * time.Second

// MiddlewareConfig is what a Middleware needs. It is read once by NewMiddleware.
type MiddlewareConfig struct {
	// Principals says who a request is from; in demo mode only local host names and DemoHosts are answered.
	Principals Principals
	// DemoHosts are further host names that demo mode answers to; a port is ignored.
	DemoHosts []string
	// DemoPublic lets demo mode take requests that a proxy has forwarded.
	DemoPublic bool
	// TrustedProxies are the peers whose word on a client's address and host counts.
	TrustedProxies []netip.Prefix
	// CORSOrigins are the origins ("http://localhost:3000") whose pages may call with credentials.
	CORSOrigins []string
	// Drain ends the connections of a process that stops. Required.
	Drain *Drain
	// Limits refuse too many requests of the routes that name a policy. Required.
	Limits *Limits
	// Log gets the request log. Required.
	Log *Log
	// Registerer takes the metrics; nil: they are counted but not registered.
	Registerer prometheus.Registerer
	// Refused is told of the acts of signed-in operators and tokens, and in demo mode, that were refused; it must not wait. Nil: nobody is.
	Refused func(audit.Refusal)
	// Traces makes the spans of routes that are traced. Nil: there are none.
	Traces Traces
	// ProcessID is logged beside the prefix of this process's request ids.
	ProcessID string
	// ProblemPage shows a browser why a request was refused. Required.
	ProblemPage func(echo.Context, Problem) error
}

// Traces makes the spans of requests.
type Traces interface {
	// Begin returns the request with its span in its context, and what ends the span with the status of the answer; nil: this
	// request is not traced.
	Begin(r *http.Request, route string, at time.Time) (traced *http.Request, end func(status int))
}

// Middleware is what every request of a route passes. Its methods are safe for concurrent use.
type Middleware struct {
	cfg     MiddlewareConfig
	guard   guard
	proxies *proxies
	ids     *requestIDs
	metrics *instruments
}

// NewMiddleware puts the middleware together.
func NewMiddleware(cfg MiddlewareConfig) *Middleware {
	m := &Middleware{
		cfg:     cfg,
		guard:   newGuard(cfg.Principals.Demo, cfg.DemoPublic, cfg.DemoHosts, cfg.CORSOrigins),
		proxies: newProxies(cfg.TrustedProxies, cfg.Principals.Demo && !cfg.DemoPublic, cfg.Log, cfg.Registerer),
		ids:     newRequestIDs(),
		metrics: newInstruments(cfg.Registerer),
	}
	cfg.Log.to.LogAttrs(context.Background(), slog.LevelInfo, "request ids of this process begin with its prefix",
		slog.String("process", cfg.ProcessID), slog.String("prefix", m.ids.prefix))
	return m
}

// Wrap is called once for each route, at the start. The handler it returns does in order: request id, the client's address,
// security fields, deadline, guard, who may use the route, the route's limit, the route's own handler; then recovery from a panic, metrics and log. The error of
// the route's handler becomes a problem here and nowhere else. The returned handler never returns an error.
func (m *Middleware) Wrap(rt Route) echo.HandlerFunc {
	if rt.Limit == 0 {
		rt.Limit = AnswerTime
	}
	if rt.Policy != "" && !rt.Policy.Known() {
		panic("the route " + rt.Path + " names a policy that is not in the table: " + string(rt.Policy))
	}
	limited := rt.Policy != "" && !rt.Policy.Late()
	meter, lines := m.metrics.route(rt.Path), &sampler{}
	traced := rt.Traced && m.cfg.Traces != nil
	return func(c echo.Context) error {
		start := time.Now()
		r, h := c.Request(), c.Response().Header()
		m.ids.identify(r, h)
		came := m.proxies.locate(r) // before the request is copied with its deadline
		m.secure(rt, r, h)
		var spanned func(status int)
		if traced {
			spanned = m.trace(c, rt, start)
		}
		defer func() {
			if spanned != nil {
				defer func() { spanned(c.Response().Status) }() // also when the panic goes on
			}
			m.recovered(c, recover())
			meter.observe(r.Method, c.Response().Status, time.Since(start))
			m.cfg.Log.request(c, rt, lines, start)
		}()
		done := bound(c, rt, start)
		defer done()
		err := m.admit(c, rt, limited, came)
		if err == nil {
			m.renew(rt, c)
			err = rt.Handler(c)
		}
		if err != nil {
			m.noteRefused(rt, c, err)
			m.fail(c, err)
		}
		return nil
	}
}

// trace begins the span of a request; nil: it has none.
func (m *Middleware) trace(c echo.Context, rt Route, start time.Time) (end func(status int)) {
	r, end := m.cfg.Traces.Begin(c.Request(), rt.Path, start)
	if end != nil {
		c.SetRequest(r)
	}
	return end
}

// bound sets the deadlines of an answer, and the language of its texts. Hot routes need no deadline: what they call has its own, and the
// connection bounds their writes. Streams set a deadline for each write. What is no page on a hot route has no texts.
func bound(c echo.Context, rt Route, start time.Time) context.CancelFunc {
	r := c.Request()
	if rt.Hot && !WantsPage(r) {
		return func() {}
	}
	if !rt.Stream {
		keepLanguage(c.Response(), r)
	}
	c.SetRequest(speaking(r))
	if rt.Stream || rt.Hot {
		return func() {}
	}
	// The error is for writers without deadlines, such as the recorder of a test.
	_ = http.NewResponseController(c.Response().Writer).SetWriteDeadline(start.Add(rt.Limit + writeGrace))
	ctx, cancel := context.WithDeadline(c.Request().Context(), start.Add(rt.Limit))
	c.SetRequest(c.Request().WithContext(ctx))
	return cancel
}

// admit refuses a request before its handler. A handler that knows the account takes the attempt itself.
func (m *Middleware) admit(c echo.Context, rt Route, limited bool, came way) error {
	if err := m.guard.check(rt, c.Request(), came); err != nil {
		return err
	}
	if err := m.may(rt, c); err != nil {
		return err
	}
	if limited {
		return m.cfg.Limits.Allow(c, rt.Policy)
	}
	return nil
}

// Drain says whether this process stops. The zero value says no. It is safe for concurrent use.
type Drain struct{ begun atomic.Bool }

// Begin says that the process stops. It may be called more than once.
func (d *Drain) Begin() { d.begun.Store(true) }

// Begun reports whether the process stops.
func (d *Drain) Begun() bool { return d.begun.Load() }

// Announce tells the client, while the process stops, that this connection ends. Without it the client can lose the next
// request that it sends on this connection.
func (d *Drain) Announce(h http.Header) {
	if d.begun.Load() {
		h["Connection"] = headerClose
	}
}

// policy lets a page load its own origin's files only, without inline scripts or styles, in no frame.
const policy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

// secure sets the security fields: all of them where a browser can show the answer, and on the hot routes only those that
// matter for JSON.
func (m *Middleware) secure(rt Route, r *http.Request, h http.Header) {
	m.guard.allowOrigin(r, h)
	h["X-Content-Type-Options"] = headerNosniff
	h["Cache-Control"] = headerNoStore
	m.cfg.Drain.Announce(h)
	if doubtfulLength(r) {
		h["Connection"] = headerClose
	}
	if rt.Hot && !WantsPage(r) {
		return
	}
	h["Content-Security-Policy"] = headerPolicy
	h["Permissions-Policy"] = headerPermissions
	h["Referrer-Policy"] = headerSameOrigin
	if rt.Secret {
		h["Referrer-Policy"], h["X-Robots-Tag"] = headerNoReferrer, headerNoIndex
	}
	h["Cross-Origin-Opener-Policy"] = headerSameOrigin
	h["Cross-Origin-Resource-Policy"] = headerSameOrigin
	// The rule would be for every port of this machine, so for every other program that a developer runs there.
	if Secure(r) && !loopbackHost(r.Host) {
		h["Strict-Transport-Security"] = headerHSTS
	}
}

// hsts lets a browser ask for nothing of this host but over TLS for a year. It says nothing of hosts below this one, which may be
// somebody else's.
const hsts = "max-age=31536000"

// permissions are what no page of ours asks a browser for.
const permissions = "camera=(), display-capture=(), geolocation=(), microphone=(), midi=(), usb=()"

// doubtfulLength is true when the end of the body may be elsewhere for a proxy in front: the request may have had a
// Content-Length beside its chunks, or chunks in HTTP/1.0. net/http has removed the other field, so every request that could
// have had both counts. Its connection takes no further request (RFC 9112, 6.1 and 6.3).
func doubtfulLength(r *http.Request) bool {
	return len(r.TransferEncoding) > 0 || r.ProtoMajor == 1 && r.ProtoMinor == 0 && r.ContentLength != 0
}

// recovered answers a handler's panic with 500. When a part of the answer is sent already, it cuts the connection, so that
// the client does not take the part for the whole.
func (m *Middleware) recovered(c echo.Context, panicked any) {
	if panicked == nil {
		return
	}
	if err, ok := panicked.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(http.ErrAbortHandler)
	}
	m.cfg.Log.panicked(c, panicked)
	if c.Response().Committed {
		panic(http.ErrAbortHandler)
	}
	m.refuse(c, ErrInternal.Problem(""))
}

// fail answers a request with the problem of err.
func (m *Middleware) fail(c echo.Context, err error) {
	if c.Response().Committed {
		return
	}
	p := ProblemOf(err)
	m.cfg.Log.failure(c, p.Status, err)
	m.refuse(c, p)
}

// refuse writes a problem: as a page for browsers, else as JSON. It is JSON also when the page cannot be rendered.
func (m *Middleware) refuse(c echo.Context, p Problem) {
	if p.RetryAfter == 0 && p.Status == http.StatusServiceUnavailable {
		p.RetryAfter = 1
	}
	h := c.Response().Header()
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	if p.PresentRevision > 0 {
		SetRevision(h, p.PresentRevision)
	}
	if p.Status == http.StatusUnauthorized {
		h["Www-Authenticate"] = headerChallenge
	}
	if WantsPage(c.Request()) {
		err := m.cfg.ProblemPage(c, p)
		if err == nil || c.Response().Committed {
			return
		}
		m.cfg.Log.Fault(c, err)
	}
	body, err := json.Marshal(p)
	if err != nil {
		m.cfg.Log.Fault(c, err)
		c.Response().WriteHeader(http.StatusInternalServerError)
		return
	}
	WriteBytes(c.Response(), p.Status, ProblemJSON, append(body, '\n'))
}
