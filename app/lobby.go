package app

import (
	"cmp"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// restLongest is how long a connection that waits for its client's next request, or never had one, is kept when there
	// is no room.
	restLongest = 2 * time.Second
	// idleLongest is how long any other connection must have been without a byte before it may be closed for a new one. No
	// request that is under way, and no stream, is quiet for so long.
	idleLongest = 20 * time.Second
	// evictShare is the part of the connections that is closed at once, so that the search is not made for each newcomer.
	evictShare = 16
	// evictEvery is the shortest time between two searches.
	evictEvery = 250 * time.Millisecond
	// spare is how many descriptors stay free for servers, files and the operators' listener.
	spare = 1_000
	// lobbyAnyway is how many connections are held where the system sets no limit.
	lobbyAnyway = 100_000
)

// lobbySize is how many connections a process holds that may have so many descriptors open.
func lobbySize(descriptors int) int {
	if descriptors == 0 {
		return lobbyAnyway
	}
	return min(lobbyAnyway, max(descriptors-spare, descriptors/2))
}

// lobby bounds the connections that the public listeners hold together. Without a bound, clients that connect and do
// nothing would take the last descriptor, and with it the way to Redis, Kafka and Postgres. When the lobby is full the
// connections that have been quiet for longest make room; while none has been quiet for long, newcomers wait in the queue
// of the kernel. A full lobby is not a full process: everybody inside goes on being served.
type lobby struct {
	limit  int
	opened time.Time     // where its clock begins, which no clock on a wall moves
	places chan struct{} // holds a token for each connection
	rest   time.Duration // restLongest but in tests
	closed atomic.Int64  // connections that had to make room

	mu       sync.Mutex
	inside   map[*guest]struct{}
	searched time.Time
}

func newLobby(limit int) *lobby {
	return &lobby{limit: limit, opened: time.Now(), places: make(chan struct{}, limit), rest: restLongest, inside: make(map[*guest]struct{})}
}

// at is a moment by the lobby's clock, in nanoseconds since it opened.
func (c *lobby) at(t time.Time) int64 { return int64(t.Sub(c.opened)) }

// door is a listener whose connections belong to a lobby.
type door struct {
	net.Listener
	lobby *lobby
	end   chan struct{}
	once  sync.Once
}

// in makes the listener's connections part of the lobby.
func (c *lobby) in(l net.Listener) net.Listener {
	return &door{Listener: l, lobby: c, end: make(chan struct{})}
}

// Accept waits for a place, then for a connection.
func (h *door) Accept() (net.Conn, error) {
	if !h.lobby.enter(h.end) {
		return nil, net.ErrClosed
	}
	conn, err := h.Listener.Accept()
	if err != nil {
		h.lobby.leave()
		return nil, err
	}
	return h.lobby.welcome(conn), nil
}

// Close ends the listener and everybody who waits in Accept.
func (h *door) Close() error {
	h.once.Do(func() { close(h.end) })
	return h.Listener.Close()
}

// enter takes a place, and makes one when there is none. It is false when end was closed first.
func (c *lobby) enter(end <-chan struct{}) bool {
	for {
		select {
		case c.places <- struct{}{}:
			return true
		case <-end:
			return false
		default:
			c.makeRoom(time.Now())
		}
		again := time.NewTimer(evictEvery)
		select {
		case c.places <- struct{}{}:
			again.Stop()
			return true
		case <-end:
			again.Stop()
			return false
		case <-again.C:
		}
	}
}

func (c *lobby) leave() { <-c.places }

func (c *lobby) welcome(conn net.Conn) net.Conn {
	g := newGuest(conn, c)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inside[g] = struct{}{}
	return g
}

func (c *lobby) forget(g *guest) {
	c.mu.Lock()
	delete(c.inside, g)
	c.mu.Unlock()
	c.leave()
}

// makeRoom closes a share of the connections that have been quiet for too long, those that have been for longest first.
func (c *lobby) makeRoom(now time.Time) {
	for _, g := range c.quietest(now) {
		c.closed.Add(1)
		_ = g.Close()
	}
}

func (c *lobby) quietest(now time.Time) []*guest {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.searched) < evictEvery {
		return nil
	}
	c.searched = now
	return longestQuiet(c.inside, c.at(now.Add(-c.rest)), c.at(now.Add(-idleLongest)), max(1, c.limit/evictShare))
}

// state is an http.Server's ConnState: it knows which connections are between two requests.
func (c *lobby) state(conn net.Conn, s http.ConnState) {
	if g, ok := conn.(*guest); ok {
		g.is(s)
	}
}

// longestQuiet are at most so many guests, the quietest first: those at rest who have not spoken since the first time, and
// any who have not since the second, both by the lobby's clock.
func longestQuiet(inside map[*guest]struct{}, atRest, inAnyCase int64, most int) []*guest {
	type silence struct {
		guest *guest
		last  int64
	}
	var all []silence
	for g := range inside {
		last := g.last.Load()
		if last < inAnyCase || g.resting.Load() && last < atRest {
			all = append(all, silence{g, last})
		}
	}
	slices.SortFunc(all, func(a, b silence) int { return cmp.Compare(a.last, b.last) })
	quiet := make([]*guest, 0, min(most, len(all)))
	for _, s := range all[:min(most, len(all))] {
		quiet = append(quiet, s.guest)
	}
	return quiet
}
