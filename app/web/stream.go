package web

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"flashsale/app/live"
	"flashsale/sale"
)

const (
	// heartbeatTime is how often a quiet stream gets a comment, so that proxies keep it and dead peers are noticed.
	heartbeatTime = 15 * time.Second
	// frameTime is how long a reader may take to accept one frame before its stream is cut.
	frameTime = 10 * time.Second
)

// statusStream sends the sale's status whenever it changes, as server-sent events: a whole snapshot each
// time, so a client that missed some has missed nothing, and Last-Event-ID needs no answer of its own.
func (s *Server) statusStream(c echo.Context) error {
	slug, err := slug(c)
	if err != nil {
		return err
	}
	return s.stream(c, slug, statusTopic(slug), statusFrame)
}

// pageStream sends the fragment that open pages replace.
func (s *Server) pageStream(c echo.Context) error {
	if s.pages == nil {
		return errNotFound
	}
	return s.stream(c, "", pageTopic, s.pageFrame)
}

func (s *Server) stream(c echo.Context, slug, topic string, frame func(*sale.Snapshot) []byte) error {
	snap, err := s.cfg.Board.Snapshot(slug)
	if err != nil {
		return err
	}
	sub, err := s.cfg.Hub.Subscribe(topic)
	if err != nil {
		return err
	}
	defer sub.Close()
	// The newest snapshot after the subscription: nothing can be missed between the two.
	if now, err := s.cfg.Board.Snapshot(slug); err == nil {
		snap = now
	}
	w := startStream(c.Response())
	if !w.send(retryHint(), frame(&snap)) {
		return nil
	}
	s.follow(c.Request().Context(), sub, w, frameID(&snap))
	return nil
}

// follow sends frames until the client goes, does not take one in time, or the server drains.
func (s *Server) follow(ctx context.Context, sub *live.Stream, w *streamWriter, last string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.draining, cancel)()
	for {
		frame, err := s.next(ctx, sub)
		switch {
		case s.draining.Err() != nil:
			w.send(retryHint())
			return
		case ctx.Err() != nil:
			return
		case err != nil:
			// Quiet for a heartbeat, or the hub has closed the stream; the latter shows at the next turn.
			if !quiet(err) || !w.send([]byte(": \n\n")) {
				return
			}
		case known(frame.ID, last):
			// The hub replays its newest frame, which may be the one this stream began with or an older one.
		default:
			last = frame.ID
			if !w.send(frame.Data) {
				return
			}
		}
	}
}

// next waits for a frame, at most until a heartbeat is due.
func (s *Server) next(ctx context.Context, sub *live.Stream) (live.Frame, error) {
	ctx, cancel := context.WithTimeout(ctx, s.heartbeat)
	defer cancel()
	return sub.Next(ctx)
}

// streamWriter writes to a stream with a deadline for each write.
type streamWriter struct {
	res *echo.Response
	rc  *http.ResponseController
}

// startStream sends the header, which asks proxies not to hold the stream back.
func startStream(res *echo.Response) *streamWriter {
	h := res.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("X-Accel-Buffering", "no")
	w := &streamWriter{res: res, rc: http.NewResponseController(res.Writer)}
	res.WriteHeader(http.StatusOK)
	return w
}

// send writes and flushes; false means that the stream is over.
func (w *streamWriter) send(parts ...[]byte) bool {
	_ = w.rc.SetWriteDeadline(time.Now().Add(frameTime)) // not every writer knows deadlines
	for _, p := range parts {
		if _, err := w.res.Write(p); err != nil {
			return false
		}
	}
	return w.rc.Flush() == nil
}

// retryHint spreads the return of many clients over a few seconds.
func retryHint() []byte {
	return []byte("retry: " + strconv.Itoa(1000+rand.IntN(3000)) + "\n\n")
}

// statusFrame is a status event; its id is the sale's version.
func statusFrame(snap *sale.Snapshot) []byte {
	b := eventHead(snap)
	b = append(b, "event: status\ndata: "...)
	return append(appendStatus(b, snap), '\n', '\n')
}

// pageFrame is the pages' fragment as an event without a name, which htmx puts in its place.
func (s *Server) pageFrame(snap *sale.Snapshot) []byte {
	b := eventHead(snap)
	for line := range strings.Lines(string(s.pages.Frame(*snap))) {
		b = append(b, "data: "...)
		b = append(b, strings.TrimRight(line, "\r\n")...)
		b = append(b, '\n')
	}
	return append(b, '\n')
}

func eventHead(snap *sale.Snapshot) []byte {
	b := append(make([]byte, 0, 1024), "id: "...)
	return append(appendInt(b, snap.Version), '\n')
}

// frameID names what a frame shows: the sale, its version, and what changes by the clock alone.
func frameID(snap *sale.Snapshot) string {
	b := append(appendInt(nil, snap.ID), '.')
	b = append(appendInt(b, snap.Version), '.')
	b = append(b, snap.Status()...)
	b = strconv.AppendBool(append(b, '.'), snap.AllClaimed)
	return string(strconv.AppendBool(append(b, '.'), snap.Stale))
}

// known reports whether a frame shows what last did, or an earlier version of the same sale.
func known(id, last string) bool {
	sale, version := saleAndVersion(id)
	lastSale, lastVersion := saleAndVersion(last)
	return id == last || sale == lastSale && version < lastVersion
}

func saleAndVersion(id string) (sale string, version int64) {
	sale, rest, _ := strings.Cut(id, ".")
	number, _, _ := strings.Cut(rest, ".")
	version, _ = strconv.ParseInt(number, 10, 64)
	return sale, version
}
