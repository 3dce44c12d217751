package web

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// writeGrace is how long after its context's end an answer may still be written.
const writeGrace = 10 * time.Second

// lane is what every request of a route passes, in one closure made at the start: request id, security
// fields, recovery, deadline, guards, the operator's door, metrics and log. The handler's error becomes its
// problem here and nowhere else. The result never returns an error.
func (s *Server) lane(rt route) echo.HandlerFunc {
	if rt.limit == 0 {
		rt.limit = answerTime
	}
	meter, lines := s.metrics.route(rt.path), &sampler{}
	return func(c echo.Context) error {
		start := time.Now()
		r, h := c.Request(), c.Response().Header()
		s.identify(r, h)
		s.secure(rt, r, h)
		defer func() {
			s.recovered(c, recover())
			meter.observe(r.Method, c.Response().Status, time.Since(start))
			s.logRequest(c, rt, lines, start)
		}()
		done := s.bound(c, rt, start)
		defer done()
		if err := s.admit(rt, r); err != nil {
			s.fail(c, err)
			return nil
		}
		if err := rt.handler(c); err != nil {
			s.fail(c, err)
		}
		return nil
	}
}

// bound gives the answer its deadlines. The hot routes are bounded by what they call, and their writes by the connection;
// streams set a deadline for each write.
func (s *Server) bound(c echo.Context, rt route, start time.Time) context.CancelFunc {
	if rt.stream || rt.hot {
		return func() {}
	}
	// Not every writer knows deadlines (a test's recorder does not); then there is none to set.
	_ = http.NewResponseController(c.Response().Writer).SetWriteDeadline(start.Add(rt.limit + writeGrace))
	ctx, cancel := context.WithDeadline(c.Request().Context(), start.Add(rt.limit))
	c.SetRequest(c.Request().WithContext(ctx))
	return cancel
}

func (s *Server) admit(rt route, r *http.Request) error {
	if err := s.guard.check(r); err != nil {
		return err
	}
	if rt.admin {
		return s.who(r).operator()
	}
	return nil
}

const (
	headerRequestID   = "X-Request-Id"
	headerSaleVersion = "Sale-Version"
)

// identify takes a sane request id from the client, or makes one, and sends it back.
func (s *Server) identify(r *http.Request, h http.Header) {
	if v := r.Header[headerRequestID]; len(v) == 1 && saneID(v[0]) {
		h[headerRequestID] = v[:1:1]
		return
	}
	h[headerRequestID] = s.ids.next()
}

// requestID is the id that identify gave a request.
func requestID(c echo.Context) string { return c.Response().Header().Get(headerRequestID) }

// part tells the client of a process that stops that this connection ends, instead of losing its next request on it.
func (s *Server) part(h http.Header) {
	if s.draining.Err() != nil {
		h["Connection"] = []string{"close"}
	}
}

// policy lets a page load its own origin's files only, without inline scripts or styles, in no frame.
const policy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

// secure sets the security fields: all of them where a browser may show the answer, and the two that matter
// to JSON on the hot routes.
func (s *Server) secure(rt route, r *http.Request, h http.Header) {
	s.guard.allowOrigin(r, h)
	h["X-Content-Type-Options"] = headerNosniff
	h["Cache-Control"] = headerNoStore
	s.part(h)
	if rt.hot && !wantsPage(r) {
		return
	}
	h["Content-Security-Policy"] = []string{policy}
	h["Referrer-Policy"] = []string{"same-origin"}
	h["Cross-Origin-Opener-Policy"] = []string{"same-origin"}
}
