package request

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
)

// newTestMiddleware logs into the buffer, and shows problems to browsers by page.
func newTestMiddleware(log *bytes.Buffer, page func(echo.Context, Problem) error) *Middleware {
	return NewMiddleware(MiddlewareConfig{
		Drain: &Drain{}, Log: NewLog(slog.New(slog.NewJSONHandler(log, nil))), ProblemPage: page,
	})
}

func TestHalfAnAnswerIsCutOff(t *testing.T) {
	t.Parallel()
	h := newTestMiddleware(&bytes.Buffer{}, nil).Wrap(Route{Path: "/torn", Who: Anybody, Handler: func(c echo.Context) error {
		_ = c.String(http.StatusOK, "half")
		panic("torn")
	}})
	c := echo.New().NewContext(httptest.NewRequest(http.MethodGet, "http://localhost/torn", nil), httptest.NewRecorder())
	defer func() {
		if err, _ := recover().(error); !errors.Is(err, http.ErrAbortHandler) {
			t.Errorf("ended with %v, want the connection to be cut", err)
		}
	}()
	_ = h(c)
}

// A browser gets the problem as a page, and as JSON when no page can be made of it.
func TestAProblemWithoutAPageIsJSON(t *testing.T) {
	t.Parallel()
	for _, broken := range []error{nil, errors.New("template broke")} {
		var log bytes.Buffer
		var shown Problem
		m := newTestMiddleware(&log, func(c echo.Context, p Problem) error {
			if shown = p; broken != nil {
				return broken
			}
			return c.HTML(p.Status, "<p>"+p.Title)
		})
		h := m.Wrap(Route{Path: "/busy", Who: Anybody, Handler: func(echo.Context) error { return ErrBusy }})
		r, rec := httptest.NewRequest(http.MethodGet, "http://localhost/busy", nil), httptest.NewRecorder()
		r.Header.Set("Accept", "text/html")
		_ = h(echo.New().NewContext(r, rec))
		if shown.Type != "/problems/busy" || rec.Code != http.StatusConflict {
			t.Errorf("%d, the page got %+v", rec.Code, shown)
		}
		if json := strings.HasPrefix(rec.Header().Get("Content-Type"), "application/problem+json"); json != (broken != nil) {
			t.Errorf("%v: answered %s", broken, rec.Body)
		}
		if logged := strings.Contains(log.String(), "template broke"); logged != (broken != nil) {
			t.Errorf("%v: the log has %s", broken, log.String())
		}
	}
}

func TestAProblemOfAFieldSaysWhichAndIsOfItsKind(t *testing.T) {
	t.Parallel()
	err := BadField("page", "must be a number")
	p := ProblemOf(errors.Join(errors.New("list"), err))
	if !errors.Is(err, ErrInvalid) || p.Status != ErrInvalid.Status || p.Message != "page must be a number" || p.Detail != p.Message ||
		len(p.Errors) != 1 || p.Errors[0].Field != "page" || p.Errors[0].Message != "must be a number" {
		t.Errorf("%v is %+v", err, p)
	}
}

// Every handler sees the client's address, whether its route has a deadline or not.
func TestEveryHandlerSeesTheClientsAddress(t *testing.T) {
	t.Parallel()
	m := NewMiddleware(MiddlewareConfig{
		Drain: &Drain{}, Log: NewLog(slog.New(slog.DiscardHandler)), TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
	})
	for _, rt := range []Route{{Path: "/ordinary", Who: Anybody}, {Path: "/hot", Who: Anybody, Hot: true}, {Path: "/stream", Who: Anybody, Stream: true}} {
		seen := ""
		rt.Handler = func(c echo.Context) error {
			seen = c.Request().RemoteAddr
			return nil
		}
		r := httptest.NewRequest(http.MethodGet, "http://localhost"+rt.Path, nil)
		r.RemoteAddr = "192.0.2.1:80"
		r.Header.Set("X-Forwarded-For", "203.0.113.9")
		_ = m.Wrap(rt)(echo.New().NewContext(r, httptest.NewRecorder()))
		if Network(seen) != "203.0.113.9" {
			t.Errorf("%s: the client is %q", rt.Path, seen)
		}
	}
}
