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

// sampler lets one log line a second through and counts the rest.
type sampler struct {
	second  atomic.Int64
	skipped atomic.Int64
}

// line reports whether to log now, and how many lines were left out since the last one.
func (s *sampler) line(now time.Time) (skipped int64, ok bool) {
	sec, last := now.Unix(), s.second.Load()
	if sec == last || !s.second.CompareAndSwap(last, sec) {
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
}

// NewLog makes a Log that writes to a logger; nil: slog.Default.
func NewLog(to *slog.Logger) *Log {
	if to == nil {
		to = slog.Default()
	}
	return &Log{to: to}
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

// panicked logs a handler's panic with its stack.
func (l *Log) panicked(c echo.Context, reason any) {
	l.to.LogAttrs(context.Background(), slog.LevelError, "request panicked",
		slog.String("request", requestID(c)), slog.String("route", c.Path()),
		slog.Any("panic", reason), slog.String("stack", string(debug.Stack())))
}
