package web

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
)

// requestIDs makes ids that are unique among processes and within one. Every answer shows one to whoever asked, so they
// tell neither the machine nor the process.
type requestIDs struct {
	prefix string
	last   atomic.Uint64
	blocks sync.Pool
}

func newRequestIDs() *requestIDs {
	b := make([]byte, 6)
	_, _ = rand.Read(b) // it never fails
	return &requestIDs{prefix: hex.EncodeToString(b) + "-"}
}

// idBlock is how many ids are made at once, to share the memory of their text and of the fields they are sent in.
const idBlock = 32

// block is ids that nobody has been given yet. Blocks are kept apart by processor, so ids are in order within a block.
type block struct {
	fields [idBlock]string
	used   int
}

// next is an id in the form of a field's values.
func (g *requestIDs) next() []string {
	b, ok := g.blocks.Get().(*block)
	if !ok {
		b = g.make()
	}
	id := b.fields[b.used : b.used+1 : b.used+1]
	if b.used++; b.used < idBlock {
		g.blocks.Put(b)
	}
	return id
}

func (g *requestIDs) make() *block {
	b := &block{}
	first := g.last.Add(idBlock) - idBlock + 1
	text := make([]byte, 0, idBlock*(len(g.prefix)+8))
	var ends [idBlock]int
	for i := range ends {
		text = strconv.AppendUint(append(text, g.prefix...), first+uint64(i), 36)
		ends[i] = len(text)
	}
	all, from := string(text), 0
	for i, end := range ends {
		b.fields[i], from = all[from:end], end
	}
	return b
}

// saneID reports whether an id may stand in a field and a log line as it is.
func saneID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for i := range len(id) {
		b := id[i]
		letter := b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9'
		if !letter && b != '-' && b != '_' && b != '.' {
			return false
		}
	}
	return true
}

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

// logRequest writes the line of an answered request. Reads are for debugging, actions are of interest, and the
// hot routes are sampled. A refusal is no error of ours whatever its code; faults have their line already.
// Nothing of it is text from the client but the id, which is checked, and the route is the table's.
func (s *Server) logRequest(c echo.Context, rt route, lines *sampler, start time.Time) {
	level := slog.LevelInfo
	if safe(c.Request().Method) {
		level = slog.LevelDebug
	}
	if !s.log.Enabled(context.Background(), level) {
		return
	}
	skipped := int64(0)
	if rt.hot {
		var ok bool
		if skipped, ok = lines.line(start); !ok {
			return
		}
	}
	attrs := make([]slog.Attr, 0, 7)
	attrs = append(attrs,
		slog.String("request", requestID(c)), slog.String("method", methodLabel(c.Request().Method)), slog.String("route", rt.path),
		slog.Int("status", c.Response().Status), slog.Int64("bytes", c.Response().Size),
		slog.Duration("took", time.Since(start)))
	if skipped > 0 {
		attrs = append(attrs, slog.Int64("alike", skipped))
	}
	s.log.LogAttrs(context.Background(), level, "request", attrs...)
}

// logFault records a fault of ours, once, where it becomes an answer.
func (s *Server) logFault(c echo.Context, err error) {
	s.log.LogAttrs(context.Background(), slog.LevelError, "request failed",
		slog.String("request", requestID(c)), slog.String("route", c.Path()), slog.String("error", strconv.QuoteToGraphic(err.Error())))
}

// logFailure records why a request failed: each fault of ours, and once a second that a server is away.
func (s *Server) logFailure(c echo.Context, status int, err error) {
	var known *kind
	if status < http.StatusInternalServerError || errors.As(err, &known) {
		return
	}
	if status == http.StatusInternalServerError {
		s.logFault(c, err)
		return
	}
	if skipped, ok := s.failures.line(time.Now()); ok {
		s.log.LogAttrs(context.Background(), slog.LevelWarn, "a server this program needs does not answer",
			slog.String("request", requestID(c)), slog.String("route", c.Path()),
			slog.String("error", strconv.QuoteToGraphic(err.Error())), slog.Int64("alike", skipped))
	}
}

// recovered turns a handler's panic into a 500. When the answer has begun already the connection is cut, so
// that the client cannot take the torn answer for a whole one.
func (s *Server) recovered(c echo.Context, panicked any) {
	if panicked == nil {
		return
	}
	if err, ok := panicked.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(http.ErrAbortHandler)
	}
	s.log.LogAttrs(context.Background(), slog.LevelError, "request panicked",
		slog.String("request", requestID(c)), slog.String("route", c.Path()),
		slog.Any("panic", panicked), slog.String("stack", string(debug.Stack())))
	if c.Response().Committed {
		panic(http.ErrAbortHandler)
	}
	s.refuse(c, errInternal.problem(""))
}
