package live

import (
	"io"
	"net"
	"sync"
	"time"
)

// Heartbeat is how long a stream of the product is quiet at most. Pages know it, and take a stream that is quiet for longer as lost.
const Heartbeat = 15 * time.Second

const (
	// sweepTime is how often connections are looked at when nothing is published: has the client left, is a heartbeat due.
	sweepTime = time.Second
	// restFactor is how many times as long as it works a feed rests, so that live updates take a tenth of one core at
	// most and purchase requests are not slowed. The time is measured: on a busy machine both the work and the rests
	// take longer.
	restFactor = 9
	// workTime is how long a feed works before it rests. It is short, so that nobody notices a pause.
	workTime = time.Millisecond
	// clockEvery is how many connections are served between two looks at the clock.
	clockEvery = 16
	// roundTime bounds the rests of one round: with very many streams a frame is not delayed for longer than this.
	roundTime = 2 * time.Second
)

// FeedConfig is what a Feed needs.
type FeedConfig struct {
	// Hub has the frames. Required. It has one feed.
	Hub *Hub
	// Known reports whether a frame shows nothing new to a client that was last shown the frame named last. Required.
	Known func(id, last string) bool
	// Heartbeat is how long a stream may be quiet before it gets Beat. Required.
	Heartbeat func() time.Duration
	// Beat makes what a quiet stream is sent, Bye what a stream ends with when the feed is closed. Required.
	Beat func() []byte
	Bye  func() []byte
	// Patience is how long a reader may take to accept a frame before its stream is cut; 0 means ten seconds.
	Patience time.Duration
}

// Feed writes the hub's frames to connections. One goroutine does it for all of them, in rounds, and never waits for
// one: a stream costs its socket and a few hundred bytes, with no goroutine, timer or buffer of its own. A reader that
// has not yet taken all of a frame gets the rest of that frame first, and then the newest. Safe for concurrent use.
type Feed struct {
	cfg FeedConfig

	mu      sync.Mutex
	joining []*member
	running bool
	wake    chan struct{} // holds a token when somebody joined
	closing chan struct{} // closed by Close
	ended   chan struct{} // closed when the feed is closed and its goroutine has ended
}

// member is a connection of the feed. The feed's goroutine owns it.
type member struct {
	stream *Stream
	conn   io.Closer
	pusher pusher
	last   string // the id of the frame it was shown
	rest   []byte // of a frame that was only taken in part
	sentAt time.Time
}

// NewFeed makes a feed without connections. Its goroutine lives while there are some.
func NewFeed(cfg FeedConfig) *Feed {
	if cfg.Patience <= 0 {
		cfg.Patience = 10 * time.Second
	}
	return &Feed{cfg: cfg, wake: make(chan struct{}, 1), closing: make(chan struct{}), ended: make(chan struct{})}
}

// Add hands a connection over: from now on the feed writes the stream's frames to it, and closes both when the client
// has left or is too slow. last is the id of the frame the client was shown already.
func (f *Feed) Add(s *Stream, conn net.Conn, last string) {
	f.add(&member{stream: s, conn: conn, pusher: newPusher(conn), last: last, sentAt: time.Now()})
}

// AddWriter is Add for a stream whose connection cannot be handed over.
func (f *Feed) AddWriter(s *Stream, to Writer, last string) {
	f.add(&member{stream: s, conn: to, pusher: writerPusher{to}, last: last, sentAt: time.Now()})
}

func (f *Feed) add(m *member) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.isClosed() {
		f.sendBye(m)
		return
	}
	f.joining = append(f.joining, m)
	if !f.running {
		f.running = true
		go f.run()
	}
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// Close ends every stream with Bye and returns when that is done. It may be called more than once.
func (f *Feed) Close() {
	f.mu.Lock()
	if !f.isClosed() {
		close(f.closing)
		if !f.running {
			close(f.ended)
		}
	}
	f.mu.Unlock()
	<-f.ended
}

func (f *Feed) isClosed() bool {
	select {
	case <-f.closing:
		return true
	default:
		return false
	}
}

// run makes rounds until there are no connections.
func (f *Feed) run() {
	sweep := time.NewTicker(min(sweepTime, f.cfg.Heartbeat()))
	defer sweep.Stop()
	var members []*member
	for {
		var more bool
		if members, more = f.join(members); !more {
			return
		}
		members = f.round(members)
		select {
		case <-f.cfg.Hub.published:
		case <-f.wake:
		case <-sweep.C:
		case <-f.closing:
		}
	}
}

// join adds the new connections. It is false, and the goroutine ends, when there are none, or when the feed is closed.
func (f *Feed) join(members []*member) ([]*member, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	members = append(members, f.joining...)
	f.joining = nil
	if f.isClosed() {
		for _, m := range members {
			f.sendBye(m)
		}
		close(f.ended)
		return nil, false
	}
	f.running = len(members) > 0
	return members, f.running
}

// round serves each connection once and returns those that stay.
func (f *Feed) round(members []*member) []*member {
	beat := f.cfg.Heartbeat()
	began, rested := time.Now(), 0
	staying := members[:0]
	for i, m := range members {
		if f.isClosed() {
			staying = append(staying, members[i:]...)
			break
		}
		if f.turn(m, began, beat) {
			staying = append(staying, m)
		} else {
			m.end()
		}
		if i%clockEvery != clockEvery-1 {
			continue
		}
		if worked := time.Since(began); worked >= workTime {
			most := roundTime * time.Duration(i+1-rested) / time.Duration(len(members))
			f.rest(min(restFactor*worked, most))
			began, rested = time.Now(), i+1
		}
	}
	clear(members[len(staying):])
	return staying
}

func (f *Feed) rest(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-f.closing:
	}
}

// turn sends a connection what is due; false when its stream is over.
func (f *Feed) turn(m *member, now time.Time, beat time.Duration) bool {
	if m.pusher.hungUp() || m.stream.isClosed() {
		return false
	}
	if len(m.rest) > 0 {
		return m.push(m.rest, m.sentAt) && (len(m.rest) == 0 || now.Sub(m.sentAt) < f.cfg.Patience)
	}
	frame, ok := m.stream.newer()
	switch {
	case ok && !f.cfg.Known(frame.ID, m.last):
		// The hub replays its newest frame, which may be the one this stream began with or an older one.
		m.last = frame.ID
		return m.push(frame.Data, now)
	case now.Sub(m.sentAt) >= beat:
		return m.push(f.cfg.Beat(), now)
	}
	return true
}

// push writes as much as the connection takes without waiting; false when it is broken. began is when the first byte
// of the frame was sent.
func (m *member) push(b []byte, began time.Time) bool {
	n, err := m.pusher.push(b)
	m.rest, m.sentAt = b[n:], began
	return err == nil
}

func (m *member) end() {
	_ = m.conn.Close()
	m.stream.Close()
}

// sendBye ends a stream with Bye between two frames; in the middle of a frame the connection is closed at once.
func (f *Feed) sendBye(m *member) {
	if len(m.rest) == 0 {
		_, _ = m.pusher.push(f.cfg.Bye())
	}
	m.end()
}
