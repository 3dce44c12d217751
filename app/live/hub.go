// Package live fans one frame out to every open stream.
//
// Thousands of pages follow the same sale, so a frame is rendered once and all of them get the same bytes. A stream
// gets the newest frame when it asks for one, never a backlog: a slow reader skips what it missed, costs no memory and
// delays nobody. There is no goroutine and no queue per stream; publishing replaces one pointer and closes one channel,
// which wakes all who wait. A Feed writes the frames to connections.
package live

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

var (
	// ErrTooMany is returned by Subscribe when the hub has as many streams as it may.
	ErrTooMany = errors.New("live: too many open streams")
	// ErrTooManyOfOne is returned by Subscribe when one source has as many streams as it may.
	ErrTooManyOfOne = errors.New("live: too many open streams of one source")
	// ErrClosed is returned when the hub or the stream was closed.
	ErrClosed = errors.New("live: closed")
)

// Frame is what streams are sent. Its bytes are shared by all of them and must not be changed.
type Frame struct {
	// ID names the state that the frame shows; it goes out as the id of a server-sent event.
	ID   string
	Data []byte
}

// Hub keeps the newest frame of each topic and the streams that follow it. Safe for concurrent use.
type Hub struct {
	limit  int64
	each   int // most streams of one source
	open   atomic.Int64
	done   chan struct{}
	closed sync.Once
	// published holds a token when there is a frame that the feed has not seen.
	published chan struct{}

	mu      sync.Mutex // guards the maps and each topic's users
	topics  map[string]*topic
	sources map[string]int // open streams by source
}

// topic has its newest state. The next frame replaces it and closes its channel, which wakes the streams that wait.
type topic struct {
	newest  atomic.Pointer[state]
	streams int
}

// state is what a topic shows until the next frame.
type state struct {
	frame Frame
	// number counts the topic's frames; 0 is the state before the first.
	number   int64
	replaced chan struct{} // closed when there is a newer one
}

// New makes a hub for at most limit open streams.
func New(limit int) *Hub { return NewShared(limit, limit) }

// NewShared makes a hub for at most limit open streams, of which one source has at most each.
func NewShared(limit, each int) *Hub {
	return &Hub{
		limit: int64(limit), each: each, done: make(chan struct{}), published: make(chan struct{}, 1),
		topics: map[string]*topic{}, sources: map[string]int{},
	}
}

// Publish makes the frame its topic's newest and wakes the streams that wait. It never blocks on a stream, and does
// nothing once the hub is closed. The frame must not be changed afterwards. Topics are kept for ever once they have
// had a frame: their number must be bounded by the caller.
func (h *Hub) Publish(name, id string, frame []byte) {
	if h.isClosed() {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.topic(name)
	last := t.newest.Load()
	t.newest.Store(&state{
		frame: Frame{ID: id, Data: frame}, number: last.number + 1, replaced: make(chan struct{}),
	})
	close(last.replaced)
	select {
	case h.published <- struct{}{}:
	default:
	}
}

// Subscribe opens a stream of the topic's frames, beginning with the newest there is. source says whose it is; "" has no limit of
// its own. ErrTooMany and ErrTooManyOfOne at the limits, ErrClosed after Close. The stream must be closed.
func (h *Hub) Subscribe(name, source string) (*Stream, error) {
	if h.isClosed() {
		return nil, ErrClosed
	}
	if h.open.Add(1) > h.limit {
		h.open.Add(-1)
		return nil, ErrTooMany
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if source != "" && h.sources[source] >= h.each {
		h.open.Add(-1)
		return nil, ErrTooManyOfOne
	}
	if source != "" {
		h.sources[source]++
	}
	t := h.topic(name)
	t.streams++
	return &Stream{hub: h, topic: t, name: name, source: source, done: make(chan struct{})}, nil
}

// ForgetUnfollowed forgets the frame of a topic that nobody follows, so that whoever subscribes later is not sent an old one. It is
// false when somebody follows the topic.
func (h *Hub) ForgetUnfollowed(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t := h.topics[name]; t != nil && t.streams > 0 {
		return false
	}
	delete(h.topics, name)
	return true
}

// Count is the number of open streams.
func (h *Hub) Count() int { return int(h.open.Load()) }

// Limit is how many streams may be open.
func (h *Hub) Limit() int { return int(h.limit) }

// Close ends every stream: their Next returns ErrClosed. It may be called more than once.
func (h *Hub) Close() { h.closed.Do(func() { close(h.done) }) }

func (h *Hub) isClosed() bool {
	select {
	case <-h.done:
		return true
	default:
		return false
	}
}

// topic finds or makes one. The caller holds the lock.
func (h *Hub) topic(name string) *topic {
	t, ok := h.topics[name]
	if !ok {
		t = &topic{}
		t.newest.Store(&state{replaced: make(chan struct{})})
		h.topics[name] = t
	}
	return t
}

// leave removes a topic that no stream follows and that has had no frame.
func (h *Hub) leave(s *Stream) {
	h.open.Add(-1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.source != "" {
		if h.sources[s.source]--; h.sources[s.source] == 0 {
			delete(h.sources, s.source)
		}
	}
	s.topic.streams--
	if s.topic.streams == 0 && s.topic.newest.Load().number == 0 {
		delete(h.topics, s.name)
	}
}

// Stream is one reader of a topic. Next is for one goroutine at a time; Close may be called from any.
type Stream struct {
	hub    *Hub
	topic  *topic
	name   string
	source string
	seen   int64
	done   chan struct{}
	closed sync.Once
}

// Next waits for a frame newer than the last one it returned and returns the newest; the first call replays what
// the topic has. It returns ctx's error when ctx ends, and ErrClosed when the hub or the stream does.
func (s *Stream) Next(ctx context.Context) (Frame, error) {
	for {
		if err := s.ended(ctx); err != nil {
			return Frame{}, err
		}
		m := s.topic.newest.Load()
		if m.number > s.seen {
			s.seen = m.number
			return m.frame, nil
		}
		select {
		case <-m.replaced:
		case <-ctx.Done():
		case <-s.done:
		case <-s.hub.done:
		}
	}
}

// newer is Next for the feed, which does not wait.
func (s *Stream) newer() (Frame, bool) {
	m := s.topic.newest.Load()
	if m.number <= s.seen {
		return Frame{}, false
	}
	s.seen = m.number
	return m.frame, true
}

func (s *Stream) isClosed() bool { return s.ended(context.Background()) != nil }

func (s *Stream) ended(ctx context.Context) error {
	select {
	case <-s.hub.done:
		return ErrClosed
	case <-s.done:
		return ErrClosed
	default:
		return ctx.Err()
	}
}

// Close ends the stream and a Next that waits. It may be called more than once.
func (s *Stream) Close() {
	s.closed.Do(func() {
		close(s.done)
		s.hub.leave(s)
	})
}
