package admin

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"

	counts "flashsale/app/figures"
	"flashsale/app/web/request"
	"flashsale/sale"
	"flashsale/users/login"
)

const (
	// maxWatching bounds the streams of figures of a process. Each is a goroutine, and operators are few.
	maxWatching = 200
	// frameTime is how long a reader may take to accept a frame.
	frameTime = 5 * time.Second
)

// figuresDocument is what the run of show shows, for scripts and programs.
type figuresDocument struct {
	ServerTime request.Instant `json:"serverTime"`
	Sale       saleFigures     `json:"sale"`
	// The next are of the last ten seconds. Answers are those of all sales.
	SoldPerSecond    float64          `json:"soldPerSecond"`
	AnswersPerSecond float64          `json:"answersPerSecond"`
	Answers          map[string]int64 `json:"answers"`
	P50Millis        *float64         `json:"p50Millis,omitzero"`
	P95Millis        *float64         `json:"p95Millis,omitzero"`
	P99Millis        *float64         `json:"p99Millis,omitzero"`

	Undecided             int64             `json:"undecidedClaims"`
	UndecidedOldestMillis int64             `json:"undecidedOldestMillis"`
	Lag                   int64             `json:"lagRecords"`
	OutboxWaiting         int64             `json:"outboxWaiting"`
	OutboxOldestMillis    int64             `json:"outboxOldestMillis"`
	Streams               int64             `json:"openStreams"`
	Degraded              []string          `json:"degraded"`
	Processes             []processDocument `json:"processes"`
	// Newest is the last second, for charts.
	Newest *secondDocument `json:"newest,omitzero"`
}

type saleFigures struct {
	Slug       string          `json:"slug"`
	Status     sale.Status     `json:"status"`
	State      sale.State      `json:"state"`
	Archived   bool            `json:"archived"`
	Total      int64           `json:"total"`
	Sold       int64           `json:"sold"`
	Pending    int64           `json:"pending"`
	Free       int64           `json:"free"`
	Generation int64           `json:"generation"`
	Revision   int64           `json:"revision"`
	Version    int64           `json:"version"`
	StartTime  request.Instant `json:"startTime"`
	EndTime    request.Instant `json:"endTime"`
	Stale      bool            `json:"stale"`
	// NotNow are the acts that are not possible in this state.
	NotNow []string `json:"notNow"`
}

type processDocument struct {
	Process string           `json:"process"`
	Version string           `json:"version"`
	Since   request.Instant  `json:"since"`
	Servers []serverDocument `json:"servers"`
}

type serverDocument struct {
	Name   string          `json:"name"`
	OK     bool            `json:"ok"`
	Since  request.Instant `json:"since,omitzero"`
	Detail string          `json:"detail,omitzero"`
}

// secondDocument is one second, or a longer time, of all processes.
type secondDocument struct {
	// At is its end in Unix seconds.
	At      int64   `json:"at"`
	Sold    float64 `json:"sold"`
	Answers float64 `json:"answers"`
	Refused float64 `json:"refused"`
	// The times are null where nothing was answered.
	P50Millis *float64 `json:"p50Millis"`
	P99Millis *float64 `json:"p99Millis"`
}

type seriesDocument struct {
	figuresDocument
	// Seconds are the last fifteen minutes, as far as this process has followed them.
	Seconds []secondDocument `json:"seconds"`
}

// Figures shows how a sale and all processes stand, and the last fifteen minutes.
func (hs *Handlers) Figures(c echo.Context) error {
	snap, err := hs.snapshot(c)
	if err != nil {
		return err
	}
	d := seriesDocument{figuresDocument: hs.figures(&snap), Seconds: []secondDocument{}}
	if hs.cfg.Figures != nil {
		all := hs.cfg.Figures.Seconds()
		bounds := boundsOf(hs.cfg.Figures.Present().Processes)
		for i := range all {
			d.Seconds = append(d.Seconds, secondOf(snap.ID, all[max(0, i-1):i+1], bounds))
		}
	}
	return request.WriteJSON(c, http.StatusOK, d)
}

// figures is how the sale and the processes stand now.
func (hs *Handlers) figures(snap *sale.Snapshot) figuresDocument {
	d := figuresDocument{ServerTime: request.Instant(snap.Now), Answers: map[string]int64{}, Processes: []processDocument{}, Degraded: []string{}}
	d.Sale = saleFigures{
		Slug: snap.Slug, Status: snap.Status(), State: snap.State, Archived: snap.Archived, Total: snap.Total, Sold: snap.Taken, Free: snap.Left(),
		Generation: snap.Generation, Revision: snap.Revision, Version: snap.Version,
		StartTime: request.Instant(snap.StartsAt), EndTime: request.Instant(snap.EndsAt), Stale: snap.Stale, NotNow: []string{},
	}
	for _, a := range saleActs() {
		if !a.possible(snap) {
			d.Sale.NotNow = append(d.Sale.NotNow, a.name)
		}
	}
	if hs.cfg.Figures == nil {
		return d
	}
	level, sold := hs.cfg.Figures.Level(snap.ID)
	if level.Generation == snap.Generation {
		// Sold and total are newer here than in the second, so the parts are made to add up to the total.
		d.Sale.Pending = min(level.Pending, snap.Left())
		d.Sale.Free = snap.Left() - d.Sale.Pending
	}
	d.SoldPerSecond = sold
	hs.addPresent(&d, snap)
	return d
}

func (hs *Handlers) addPresent(d *figuresDocument, snap *sale.Snapshot) {
	p := hs.cfg.Figures.Present()
	d.AnswersPerSecond, d.Answers = p.Rate, p.Answers
	if p.Timed {
		d.P50Millis, d.P95Millis, d.P99Millis = inMillis(p.P50), inMillis(p.P95), inMillis(p.P99)
	}
	d.Undecided, d.UndecidedOldestMillis = p.Undecided, int64(1000*p.UndecidedAge)
	d.Lag, d.Streams = p.Lag[snap.Partition], p.Streams
	d.OutboxWaiting, d.OutboxOldestMillis = p.Unpublished, int64(1000*p.OutboxAge)
	for _, one := range p.Processes {
		doc := processDocument{Process: one.Process, Version: one.Version, Since: request.Instant(one.Began), Servers: []serverDocument{}}
		for _, s := range one.Servers {
			doc.Servers = append(doc.Servers, serverDocument{s.Name, s.OK, request.Instant(s.Since), s.Detail})
			if !s.OK && !slices.Contains(d.Degraded, s.Name) {
				d.Degraded = append(d.Degraded, s.Name)
			}
		}
		d.Processes = append(d.Processes, doc)
	}
	all := hs.cfg.Figures.Seconds()
	if n := len(all); n > 0 {
		newest := secondOf(snap.ID, all[max(0, n-2):], boundsOf(p.Processes))
		d.Newest = &newest
	}
}

func boundsOf(all []counts.Count) []float64 {
	for i := range all {
		if len(all[i].Bounds) > 0 {
			return all[i].Bounds
		}
	}
	return nil
}

func inMillis(seconds float64) *float64 {
	ms := float64(int64(seconds*100_000)) / 100
	return &ms
}

// secondOf is the last of some seconds; the one before says what was sold in it.
func secondOf(id int64, of []counts.Second, bounds []float64) secondDocument {
	last := of[len(of)-1]
	d := secondDocument{At: last.At.Unix()}
	if before, known := of[0].Sales[id]; known {
		d.Sold = float64(last.Sales[id].SoldSince(before))
	}
	for outcome, n := range last.Answers {
		d.Answers += float64(n)
		if refused(outcome) {
			d.Refused += float64(n)
		}
	}
	if v, ok := counts.Quantile(0.5, last.Times, bounds); ok {
		d.P50Millis = inMillis(v)
	}
	if v, ok := counts.Quantile(0.99, last.Times, bounds); ok {
		d.P99Millis = inMillis(v)
	}
	return d
}

// refused is true for the outcomes of a purchase request without an order and without the prospect of one.
func refused(outcome string) bool {
	switch outcome {
	case sale.Bought.String(), sale.AlreadyBought.String(), sale.Pending.String():
		return false
	}
	return true
}

// frames has the newest frame of each sale, so that all who watch a sale share one.
type frames struct {
	mu    sync.Mutex
	tick  int64
	known map[string][]byte
}

// of is the frame of a sale for that second.
func (f *frames) of(slug string, tick int64, render func() ([]byte, error)) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tick != tick || f.known == nil {
		f.tick, f.known = tick, map[string][]byte{}
	}
	if frame, ok := f.known[slug]; ok {
		return frame, nil
	}
	frame, err := render()
	if err == nil {
		f.known[slug] = frame
	}
	return frame, err
}

// FigureStream sends the figures once a second, as server-sent events with the document of Figures without its seconds. It ends when
// the session ends that it was asked with, or its role goes.
func (hs *Handlers) FigureStream(c echo.Context) error {
	snap, err := hs.snapshot(c)
	if err != nil {
		return err
	}
	if hs.cfg.Figures == nil {
		return request.ErrUnavailable
	}
	defer hs.watching.Add(-1)
	if hs.watching.Add(1) > maxWatching {
		return request.ErrTooManyStreams
	}
	res, r := c.Response(), c.Request()
	res.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	res.Header().Set("X-Accel-Buffering", "no") // asks proxies not to buffer the stream
	res.WriteHeader(http.StatusOK)
	first := "retry: " + strconv.Itoa(1000+rand.IntN(2000)) + "\n" // not all come back at once
	for hs.mayWatch(r) {
		next, tick := hs.cfg.Figures.Next()
		frame, err := hs.frames.of(snap.Slug, tick, func() ([]byte, error) { return hs.frame(snap.Slug) })
		if err != nil || !hs.push(res, first, frame) {
			return nil // the answer has begun; a reader comes back, and hears then what is wrong
		}
		first = ""
		select {
		case <-next:
		case <-r.Context().Done():
			return nil
		}
	}
	return nil
}

// mayWatch asks again who the request is from: its session may have ended, and its role may be gone.
func (hs *Handlers) mayWatch(r *http.Request) bool {
	if hs.cfg.Drain.Begun() || r.Context().Err() != nil {
		return false
	}
	who := hs.cfg.Desk.Principals.Find(r)
	return who.Has(login.Viewer)
}

func (hs *Handlers) frame(slug string) ([]byte, error) {
	snap, err := hs.cfg.Catalog.Snapshot(slug)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(hs.figures(&snap))
	if err != nil {
		return nil, fmt.Errorf("encode figures: %w", err)
	}
	return append(append([]byte("event: figures\ndata: "), body...), '\n', '\n'), nil
}

// push writes a frame at once; false when the reader does not take it in time.
func (hs *Handlers) push(res *echo.Response, first string, frame []byte) bool {
	to := http.NewResponseController(res.Writer)
	_ = to.SetWriteDeadline(time.Now().Add(frameTime)) // a recorder of a test has none
	if _, err := res.Write(append([]byte(first), frame...)); err != nil {
		return false
	}
	return to.Flush() == nil
}
