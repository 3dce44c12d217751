package server

import (
	"cmp"
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// idleLongest is how long a connection that waits for its client's next request, or never had one, is kept when there
	// is no room.
	idleLongest = 2 * time.Second
	// quietLongest is how long any other connection must have been without a byte before it may be closed for a new one. No
	// request that is under way, and no stream, is quiet for so long.
	quietLongest = 20 * time.Second
	// evictShare is the part of the connections that is closed at once, so that the search is not made for each new one.
	evictShare = 16
	// evictEvery is the shortest time between two searches.
	evictEvery = 250 * time.Millisecond
	// spareDescriptors is how many descriptors stay free for servers, files and the operators' listener.
	spareDescriptors = 1_000
	// unlimited is how many connections are kept open where the system sets no limit.
	unlimited = 100_000
	// streamShare is the part of the connections that may be live streams. A stream stays for as long as its page is open and is
	// never quiet, so without a share of their own streams would leave no connection for purchases.
	streamShare = 2
)

// LimitFor is how many connections a process that may have so many open descriptors keeps open; 0: that is not known.
func LimitFor(descriptors int) int {
	if descriptors == 0 {
		return unlimited
	}
	return min(unlimited, max(descriptors-spareDescriptors, descriptors/2))
}

// Limiter bounds the connections that several listeners have open together. Without a bound, clients that connect and
// do nothing take the last descriptor, which is then missing for Redis, Kafka and Postgres. When the limit is reached,
// the connections that have been quiet for longest are closed; while none has been quiet for long, new ones wait in the
// queue of the kernel. The open connections are served as before. Safe for concurrent use.
type Limiter struct {
	limit   int
	opened  time.Time     // where its clock begins, which is monotonic
	places  chan struct{} // holds a token for each connection
	idle    time.Duration // idleLongest but in tests
	evicted atomic.Int64  // connections that were closed to make room

	mu       sync.Mutex
	open     map[*trackedConn]struct{}
	searched time.Time
}

// NewLimiter makes a Limiter for so many connections.
func NewLimiter(limit int) *Limiter {
	return &Limiter{limit: limit, opened: time.Now(), places: make(chan struct{}, limit), idle: idleLongest, open: make(map[*trackedConn]struct{})}
}

// Limit is how many connections may be open.
func (l *Limiter) Limit() int { return l.limit }

// Open is how many connections are open. A listener that waits for the next one holds a place for it.
func (l *Limiter) Open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open)
}

// settleAgain is the time between two looks of Settle.
const settleAgain = 10 * time.Millisecond

// Settle waits, when nothing is accepted any more, for the first request of each connection that was accepted before, at most for
// so long. Without it net/http closes a connection whose request comes just after the begin of a Shutdown, unanswered.
func (l *Limiter) Settle(most time.Duration) {
	for end := time.Now().Add(most); ; {
		waits := l.awaitsRequest()
		time.Sleep(settleAgain) // also for a request whose first byte has just been read
		if !waits || time.Now().After(end) {
			return
		}
	}
}

func (l *Limiter) awaitsRequest() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		if !c.begun.Load() {
			return true
		}
	}
	return false
}

// Evicted is how many connections were closed to make room for others.
func (l *Limiter) Evicted() int64 { return l.evicted.Load() }

// StreamShare is how many of the connections may be live streams.
func (l *Limiter) StreamShare() int { return max(1, l.limit/streamShare) }

// at is a moment by the limiter's clock, in nanoseconds since it was made.
func (l *Limiter) at(t time.Time) int64 { return int64(t.Sub(l.opened)) }

// limitedListener is a listener whose connections belong to a Limiter.
type limitedListener struct {
	net.Listener
	limiter *Limiter
	end     chan struct{}
	once    sync.Once
}

// Listener counts what l accepts.
func (l *Limiter) Listener(inner net.Listener) net.Listener {
	return &limitedListener{Listener: inner, limiter: l, end: make(chan struct{})}
}

// Accept waits for a place, then for a connection.
func (l *limitedListener) Accept() (net.Conn, error) {
	if !l.limiter.take(l.end) {
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		l.limiter.giveBack()
		return nil, err
	}
	return l.limiter.track(conn), nil
}

// Close ends the listener and everybody who waits in Accept.
func (l *limitedListener) Close() error {
	l.once.Do(func() { close(l.end) })
	return l.Listener.Close()
}

// take takes a place, and closes quiet connections when there is none. It is false when end was closed first.
func (l *Limiter) take(end <-chan struct{}) bool {
	for {
		select {
		case l.places <- struct{}{}:
			return true
		case <-end:
			return false
		default:
			l.evict(time.Now())
		}
		again := time.NewTimer(evictEvery)
		select {
		case l.places <- struct{}{}:
			again.Stop()
			return true
		case <-end:
			again.Stop()
			return false
		case <-again.C:
		}
	}
}

func (l *Limiter) giveBack() { <-l.places }

func (l *Limiter) track(conn net.Conn) net.Conn {
	c := newTrackedConn(conn, l)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[c] = struct{}{}
	return c
}

func (l *Limiter) forget(c *trackedConn) {
	l.mu.Lock()
	delete(l.open, c)
	l.mu.Unlock()
	l.giveBack()
}

// evict closes a share of the connections that have been quiet for too long, those that have been for longest first.
func (l *Limiter) evict(now time.Time) {
	for _, c := range l.quietest(now) {
		l.evicted.Add(1)
		_ = c.Close()
	}
}

func (l *Limiter) quietest(now time.Time) []*trackedConn {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.searched) < evictEvery {
		return nil
	}
	l.searched = now
	return longestQuiet(l.open, l.at(now.Add(-l.idle)), l.at(now.Add(-quietLongest)), max(1, l.limit/evictShare))
}

// ConnState is for http.Server.ConnState: it notes which connections are between two requests.
func (l *Limiter) ConnState(conn net.Conn, s http.ConnState) {
	if over, ok := conn.(*tls.Conn); ok {
		conn = over.NetConn()
	}
	if c, ok := conn.(*trackedConn); ok {
		c.setState(s)
	}
}

// longestQuiet are at most so many connections, the quietest first. Idle ones count when they have had no byte since
// the first time, others when they have had none since the second; both times are by the limiter's clock.
func longestQuiet(open map[*trackedConn]struct{}, idleSince, anySince int64, most int) []*trackedConn {
	type silence struct {
		conn *trackedConn
		last int64
	}
	var all []silence
	for c := range open {
		last := c.last.Load()
		if last < anySince || c.idle.Load() && last < idleSince {
			all = append(all, silence{c, last})
		}
	}
	slices.SortFunc(all, func(a, b silence) int { return cmp.Compare(a.last, b.last) })
	quiet := make([]*trackedConn, 0, min(most, len(all)))
	for _, s := range all[:min(most, len(all))] {
		quiet = append(quiet, s.conn)
	}
	return quiet
}
