package api

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"flashsale/app/live"
	"flashsale/app/web/request"
	"flashsale/sale"
	"flashsale/views/text"
)

// frameTime is how long a reader may take to accept the first frame.
const frameTime = 10 * time.Second

// leastStreamRetry is after how many seconds a refused stream may be asked for again; at most it is twice that.
const leastStreamRetry = 10

// The shares that can be full, as metrics and log name them.
const (
	shareOfAll = "all"
	shareOfOne = "network"
)

// StatusStream sends the sale's status whenever it changes, as server-sent events:
//
//	retry: 2731
//	id: 57
//	event: status
//	data: {"status":"active",...}
//
// Each is a whole snapshot, so a client that missed some needs none of them, and Last-Event-ID changes nothing. Only the first has
// the line retry, after how many milliseconds a client is to come back when the stream has ended. A stream that was quiet for
// Config.Heartbeat gets the ledger's time in Unix milliseconds, and so does one that the process ends, with another retry, because
// then all of its streams end together:
//
//	retry: 7302
//	event: time
//	data: 1767268800000
//
// What is quiet for longer is lost. Readers pass over events whose name they do not know.
func (hs *Handlers) StatusStream(c echo.Context) error {
	slug, err := request.Slug(c)
	if err != nil {
		return err
	}
	return hs.stream(c, slug, statusTopic(slug), statusFrame)
}

// PageStream sends the fragment of HTML that open pages of a sale replace, in the language of the request.
func (hs *Handlers) PageStream(c echo.Context) error {
	slug, err := request.Slug(c)
	if err != nil {
		return err
	}
	in := request.Language(c.Request())
	return hs.stream(c, slug, pageTopic(slug, in), hs.pageFrame(in))
}

// stream answers with the newest frame and hands the connection to the feed, which sends those that follow. From then
// on the request is over for net/http, which keeps neither its goroutine nor its buffers.
func (hs *Handlers) stream(c echo.Context, slug, topic string, frame func(*sale.Snapshot) []byte) error {
	snap, err := hs.cfg.Catalog.Snapshot(slug)
	if err != nil {
		return err
	}
	if hs.hidden(c, &snap) {
		return sale.ErrNoSale
	}
	sub, err := hs.subscribe(c, topic)
	if err != nil {
		return err
	}
	// Read again after the subscription: a change between the two is in this snapshot, a later one comes as a frame.
	if now, err := hs.cfg.Catalog.Snapshot(slug); err == nil {
		snap = now
	}
	if !request.OwnConnection(c.Request()) {
		held := newHeldStream(c.Request().Context())
		hs.feed.AddWriter(sub, held, frameID(&snap))
		held.serve(c.Response(), retryHint(frame(&snap)))
		return nil
	}
	conn, err := beginStream(c.Response(), retryHint(frame(&snap)))
	if err != nil {
		sub.Close()
		return err
	}
	hs.feed.Add(sub, conn, frameID(&snap))
	return nil
}

// subscribe opens a stream as long as there is room in the share of the streams. Outside demo mode a network has a share of its
// own, so that nobody can take all of them.
func (hs *Handlers) subscribe(c echo.Context, topic string) (*live.Stream, error) {
	network := ""
	if !hs.cfg.Principals.Demo {
		network = request.Network(c.Request().RemoteAddr)
	}
	sub, err := hs.cfg.Hub.Subscribe(topic, network)
	switch {
	case errors.Is(err, live.ErrTooMany):
		return nil, hs.refuseStream(request.ErrTooManyStreams, shareOfAll)
	case errors.Is(err, live.ErrTooManyOfOne):
		return nil, hs.refuseStream(request.ErrTooManyOfYours, shareOfOne)
	case errors.Is(err, live.ErrClosed):
		return nil, request.ErrUnavailable
	}
	return sub, err
}

// refuseStream is the problem of a stream for which there is no room. Its Retry-After is a random time, so that not all come back
// at once; a page asks for the status meanwhile.
func (hs *Handlers) refuseStream(k *request.Kind, share string) error {
	hs.metrics.refusedStreams.WithLabelValues(share).Inc()
	hs.cfg.Log.StreamRefused(share, hs.cfg.Hub.Count(), hs.cfg.Hub.Limit())
	p := k.Problem("")
	p.RetryAfter = leastStreamRetry + rand.IntN(leastStreamRetry)
	return &request.ProblemError{Kind: k, Problem: p}
}

// beginStream takes the connection from net/http and sends the header and the first frame. The answer has no length
// and ends with the connection, as every version of HTTP allows. The feed notices when a client has gone.
func beginStream(res *echo.Response, first []byte) (conn net.Conn, err error) {
	h := res.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("X-Accel-Buffering", "no") // asks proxies not to buffer the stream
	h.Set("Connection", "close")
	h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	if conn, _, err = res.Hijack(); err != nil {
		return nil, fmt.Errorf("take over a stream's connection: %w", err)
	}
	res.Status, res.Committed = http.StatusOK, true
	b := bytes.NewBufferString("HTTP/1.1 200 OK\r\n")
	_ = h.Write(b) // a buffer takes everything
	b.WriteString("\r\n")
	b.Write(first)
	_ = conn.SetDeadline(time.Now().Add(frameTime))
	if _, err := conn.Write(b.Bytes()); err != nil {
		_ = conn.Close() // the client may have got a part of the frame
	}
	_ = conn.SetDeadline(time.Time{})
	return conn, nil
}

// newFeed makes the feed of the streams.
func newFeed(cfg Config) *live.Feed {
	return live.NewFeed(live.FeedConfig{
		Hub: cfg.Hub, Known: alreadySent, Heartbeat: func() time.Duration { return cfg.Heartbeat },
		Beat: func() []byte { return timeEvent(cfg.Catalog) },
		Bye:  func() []byte { return byeHint(timeEvent(cfg.Catalog)) },
	})
}

// timeEvent is the ledger's time. A script sees an event and no comment, so it also tells a page that its stream is not lost.
func timeEvent(sales catalog) []byte {
	snap, err := sales.Snapshot("")
	if err != nil {
		return []byte(": \n\n")
	}
	return append(request.AppendInt([]byte("event: time\ndata: "), snap.Now.UnixMilli()), '\n', '\n')
}

// leastRetry is after how many milliseconds the reader of a stream that has ended may come back. The others wait for longer: up to
// lostRetry when their connection was lost, up to byeRetry when the process has ended all its streams, as in an upgrade of one
// instance after the other. A page asks for the status meanwhile.
const (
	leastRetry = 1000
	lostRetry  = 4000
	byeRetry   = 10_000
)

// retryHint says in an event when its reader is to come back once the stream has ended: after a random time, so that many do not come
// back at once.
func retryHint(event []byte) []byte { return hinted(lostRetry, event) }

// byeHint is retryHint for a stream that the process ends.
func byeHint(event []byte) []byte { return hinted(byeRetry, event) }

// hinted begins an event with a time between leastRetry and most. It is no block of its own, which has no data and is therefore passed
// over by some readers.
func hinted(most int, event []byte) []byte {
	return append([]byte("retry: "+strconv.Itoa(leastRetry+rand.IntN(most-leastRetry))+"\n"), event...)
}

// statusFrame is a status event; its id is the sale's version.
func statusFrame(snap *sale.Snapshot) []byte {
	b := eventHead(snap)
	b = append(b, "event: status\ndata: "...)
	return append(appendStatus(b, snap), '\n', '\n')
}

// pageFrame makes the fragment of the pages as an event without a name. A script puts it into the page.
func (hs *Handlers) pageFrame(in text.Language) func(*sale.Snapshot) []byte {
	return func(snap *sale.Snapshot) []byte {
		b := eventHead(snap)
		for line := range strings.Lines(string(hs.cfg.Pages.Frame(*snap, in))) {
			b = append(b, "data: "...)
			b = append(b, strings.TrimRight(line, "\r\n")...)
			b = append(b, '\n')
		}
		return append(b, '\n')
	}
}

func eventHead(snap *sale.Snapshot) []byte {
	b := append(make([]byte, 0, 1024), "id: "...)
	return append(request.AppendInt(b, snap.Version), '\n')
}

// frameID is the sale, its epoch and version, and what changes without a new version: by the clock, by what this process knows, and
// when it learns at what moment the last unit went.
func frameID(snap *sale.Snapshot) string {
	b := append(request.AppendInt(nil, snap.ID), '.')
	b = append(request.AppendInt(b, snap.Epoch), '.')
	b = append(request.AppendInt(b, snap.Version), '.')
	b = append(b, snap.Status()...)
	b = strconv.AppendBool(append(b, '.'), snap.AllClaimed)
	b = strconv.AppendBool(append(b, '.'), snap.Stale)
	if at := snap.Sellout.At; !at.IsZero() {
		b = request.AppendInt(append(b, '.'), at.UnixMicro())
	}
	return string(b)
}

// alreadySent reports whether the frame id shows the same state as the frame last, or an earlier state of the same sale.
// After the ledger is restored from a backup its epoch is higher, and a lower version can be the later state.
func alreadySent(id, last string) bool {
	shown, before := stateOf(id), stateOf(last)
	switch {
	case id == last:
		return true
	case shown.sale != before.sale:
		return false
	case shown.epoch != before.epoch:
		return shown.epoch < before.epoch
	}
	return shown.version < before.version
}

// state is the beginning of a frame's id.
type state struct{ sale, epoch, version int64 }

func stateOf(id string) state {
	var s state
	for _, part := range []*int64{&s.sale, &s.epoch, &s.version} {
		var number string
		number, id, _ = strings.Cut(id, ".")
		*part, _ = strconv.ParseInt(number, 10, 64)
	}
	return s
}
