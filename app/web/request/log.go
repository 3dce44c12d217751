package request

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
)

// sampler lets one log line a second through, or one in every so many, and counts the rest.
type sampler struct {
	every   int64 // seconds; 0: one
	last    atomic.Int64
	skipped atomic.Int64
}

// line reports whether to log now, and how many lines were left out since the last one.
func (s *sampler) line(now time.Time) (skipped int64, ok bool) {
	period, last := now.Unix()/max(1, s.every), s.last.Load()
	if period == last || !s.last.CompareAndSwap(last, period) {
		s.skipped.Add(1)
		return 0, false
	}
	return s.skipped.Swap(0), true
}

// Log writes the request log and the faults. It is safe for concurrent use.
type Log struct {
	to *slog.Logger
	// failures are those of the servers that this program needs.
	failures sampler
	// streams are those that were refused.
	streams sampler
}

// NewLog makes a Log that writes to a logger; nil: slog.Default.
func NewLog(to *slog.Logger) *Log {
	if to == nil {
		to = slog.Default()
	}
	return &Log{to: to, streams: sampler{every: 60}}
}

// request writes the line of an answered request: reads at level debug, all others at level info. Hot routes are sampled. A
// refusal is not logged as an error, whatever its status code; a fault has its own line already. The only text from the
// client is the request id, which was checked; the route is the one of the table.
func (l *Log) request(c echo.Context, rt Route, lines *sampler, start time.Time) {
	level := slog.LevelInfo
	if safe(c.Request().Method) {
		level = slog.LevelDebug
	}
	if !l.to.Enabled(context.Background(), level) {
		return
	}
	skipped := int64(0)
	if rt.Hot {
		var ok bool
		if skipped, ok = lines.line(start); !ok {
			return
		}
	}
	attrs := make([]slog.Attr, 0, 7)
	attrs = append(attrs,
		slog.String("request", requestID(c)), slog.String("method", methodLabel(c.Request().Method)), slog.String("route", rt.Path),
		slog.Int("status", c.Response().Status), slog.Int64("bytes", c.Response().Size),
		slog.Duration("took", time.Since(start)))
	if skipped > 0 {
		attrs = append(attrs, slog.Int64("alike", skipped))
	}
	l.to.LogAttrs(context.Background(), level, "request", attrs...)
}

// Fault logs a fault of ours. It is called once, where the fault becomes an answer.
func (l *Log) Fault(c echo.Context, err error) {
	l.to.LogAttrs(context.Background(), slog.LevelError, "request failed",
		slog.String("request", requestID(c)), slog.String("route", c.Path()), slog.String("error", strconv.QuoteToGraphic(err.Error())))
}

// failure logs why a request failed: every fault of ours, and at most once a second that a server does not answer.
func (l *Log) failure(c echo.Context, status int, err error) {
	var known *Kind
	if status < http.StatusInternalServerError || errors.As(err, &known) {
		return
	}
	if status == http.StatusInternalServerError {
		l.Fault(c, err)
		return
	}
	if skipped, ok := l.failures.line(time.Now()); ok {
		l.to.LogAttrs(context.Background(), slog.LevelWarn, "a server this program needs does not answer",
			slog.String("request", requestID(c)), slog.String("route", c.Path()),
			slog.String("error", strconv.QuoteToGraphic(err.Error())), slog.Int64("alike", skipped))
	}
}

// StreamRefused says at most once a minute that there was no room for a stream.
func (l *Log) StreamRefused(share string, open, limit int) {
	if skipped, ok := l.streams.line(time.Now()); ok {
		l.to.LogAttrs(context.Background(), slog.LevelWarn, "live streams were refused: their share of the connections is full; their pages ask for the status instead."+
			" More processes, or a higher limit of descriptors, give room (flashsale doctor)",
			slog.String("share", share), slog.Int("open", open), slog.Int("limit", limit), slog.Int64("alike", skipped))
	}
}

// unreadForwarded says that a peer names the clients for whom it asks and is not known as a proxy. It is said once.
func (l *Log) unreadForwarded(peer string, refused bool) {
	text := "requests carry Forwarded or X-Forwarded-For and come from a peer that TRUSTED_PROXIES does not name:" +
		" the peer counts as their client; if it is your proxy name it there, else somebody writes these fields by hand (said once)"
	if refused {
		text = "requests that a proxy has forwarded are refused in demo mode, because a proxy means strangers;" +
			" set DEMO=false, or DEMO_PUBLIC=true if everybody behind it may be an operator (said once)"
	}
	l.to.LogAttrs(context.Background(), slog.LevelWarn, text, slog.String("peer", peer))
}

// panicked logs a handler's panic with its stack.
func (l *Log) panicked(c echo.Context, reason any) {
	l.to.LogAttrs(context.Background(), slog.LevelError, "request panicked",
		slog.String("request", requestID(c)), slog.String("route", c.Path()),
		slog.Any("panic", reason), slog.String("stack", string(debug.Stack())))
}
