package stress

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// MaxStreams is how many live-update streams one call may open.
const MaxStreams = 50_000

const (
	streamPath = "/api/flash-sale/stream"
	// openers is how many streams are opened at the same time, firstFrame how long one may take until its first event.
	openers    = 64
	firstFrame = 20 * time.Second
	// perSource is how many connections are made from one address of this machine; it has about 28,000 ports.
	perSource = 20_000
	// maxLine bounds a line of an event.
	maxLine = 64 << 10
)

var errStream = errors.New("not a stream of live updates")

// Streams are open streams of live updates whose readers remember only which version of the sale they were shown
// last. They cost a connection, a goroutine and some 10 KiB each. The methods are safe for concurrent use.
type Streams struct {
	wg     sync.WaitGroup
	list   []*stream
	frames atomic.Int64
	open   atomic.Int64
}

type stream struct {
	conn    net.Conn
	version atomic.Int64
}

// OpenStreams opens n streams, the i-th at the i-th base address in turn, and returns when each of them has shown its
// first event. When one cannot be opened, the error says how many could, and none stays open. The rest end with Close.
func OpenStreams(ctx context.Context, bases []string, n int) (*Streams, error) {
	if n < 0 || n > MaxStreams {
		return nil, fmt.Errorf("streams must be 0 to %d", MaxStreams)
	}
	s := &Streams{list: make([]*stream, n)}
	group, opening := errgroup.WithContext(ctx)
	group.SetLimit(openers)
	for i := range s.list {
		group.Go(func() error {
			one, body, err := openStream(opening, bases[i%len(bases)], i/perSource)
			if err != nil {
				return err
			}
			s.list[i] = one
			if err := s.first(one, body); err != nil {
				return err
			}
			s.open.Add(1)
			s.wg.Go(func() { s.follow(one, body) })
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		opened := s.open.Load()
		s.Close()
		return nil, fmt.Errorf("stream %d of %d could not be opened: %w", opened+1, n, err)
	}
	return s, nil
}

// openStream sends the request and reads the header of the answer.
func openStream(ctx context.Context, base string, source int) (*stream, *bufio.Reader, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" {
		return nil, nil, fmt.Errorf("%w: streams are opened over plain HTTP, not at %q", ErrTarget, base)
	}
	dialer := net.Dialer{Timeout: firstFrame, LocalAddr: sourceAddress(u.Hostname(), source)}
	address := u.Host
	if u.Port() == "" {
		address = net.JoinHostPort(u.Hostname(), "80")
	}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(firstFrame))
	_, err = fmt.Fprintf(conn, "GET %s%s HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n\r\n", u.Path, streamPath, u.Host)
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	response, err := http.ReadResponse(bufio.NewReaderSize(conn, 2<<10), nil) //nolint:bodyclose // closing the connection does
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%w: %s answers %s", errStream, streamPath, response.Status)
	}
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	return &stream{conn: conn}, bufio.NewReaderSize(response.Body, 1<<10), nil
}

// sourceAddress is another loopback address for each 20,000 connections. Only Linux has them without configuration.
func sourceAddress(host string, source int) net.Addr {
	if ip := net.ParseIP(host); source == 0 || runtime.GOOS != "linux" || ip == nil || ip.To4() == nil || !ip.IsLoopback() {
		return nil
	}
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(1+source))}
}

// first waits for the first event and lifts the deadline: from then on quiet is normal.
func (s *Streams) first(one *stream, body *bufio.Reader) error {
	for one.version.Load() == 0 {
		if err := s.line(one, body); err != nil {
			return fmt.Errorf("%w: no event: %w", errStream, err)
		}
	}
	return one.conn.SetDeadline(time.Time{})
}

// follow reads until the stream ends.
func (s *Streams) follow(one *stream, body *bufio.Reader) {
	defer s.open.Add(-1)
	for s.line(one, body) == nil { //nolint:revive // reading is the work
	}
}

// line reads one line of the stream and notes what it says about the version.
func (s *Streams) line(one *stream, body *bufio.Reader) error {
	line, err := body.ReadSlice('\n')
	for skipped := 0; errors.Is(err, bufio.ErrBufferFull); {
		if skipped += len(line); skipped > maxLine {
			return fmt.Errorf("%w: a line of more than %d bytes", errStream, maxLine)
		}
		line, err = body.ReadSlice('\n')
	}
	if err != nil {
		return err
	}
	id, ok := bytes.CutPrefix(line, []byte("id: "))
	if !ok {
		return nil
	}
	version, err := strconv.ParseInt(string(bytes.TrimSpace(id)), 10, 64)
	if err != nil {
		return fmt.Errorf("%w: the id %.40q", errStream, id)
	}
	one.version.Store(version)
	s.frames.Add(1)
	return nil
}

// Open is how many streams have not ended.
func (s *Streams) Open() int { return int(s.open.Load()) }

// Frames is how many events all of them together were sent.
func (s *Streams) Frames() int64 { return s.frames.Load() }

// Behind is how many streams have not shown a version of the sale as new as this one.
func (s *Streams) Behind(version int64) int {
	behind := 0
	for _, one := range s.list {
		if one.version.Load() < version {
			behind++
		}
	}
	return behind
}

// Close ends the streams and returns when their readers have ended. It may be called more than once.
func (s *Streams) Close() {
	for _, one := range s.list {
		if one != nil {
			_ = one.conn.Close()
		}
	}
	s.wg.Wait()
}

// watch opens the streams that the configuration asks for, if any.
func (r *run) watch(ctx context.Context) error {
	if r.cfg.Streams == 0 {
		return nil
	}
	var err error
	r.streams, err = OpenStreams(ctx, r.client.bases, r.cfg.Streams)
	return err
}

// checkStreams waits until every open stream shows what the status shows, and counts those that do not as a fault: a
// page must not say something else than the ledger.
func (r *run) checkStreams(ctx context.Context) error {
	if r.streams == nil {
		return nil
	}
	defer r.streams.Close()
	now, err := r.status(ctx, r.client.bases[0])
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(r.cfg.settling); r.streams.Behind(now.Version) > 0 && time.Now().Before(deadline); {
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	w := Watched{Streams: r.cfg.Streams, Open: r.streams.Open(), Behind: r.streams.Behind(now.Version), Events: r.streams.Frames()}
	if w.Open < w.Streams {
		r.fault("live: %d of %d streams of live updates ended during the run", w.Streams-w.Open, w.Streams)
	}
	if w.Behind > 0 {
		r.fault("live: %d of %d streams do not show version %d", w.Behind, w.Streams, now.Version)
	}
	r.watched = &w
	return nil
}

// Watched is what became of the streams of live updates that were open during a run.
type Watched struct {
	Streams int `json:"streams"`
	// Open did not end by themselves, Behind do not show the state at the end, Events were sent to all together.
	Open   int   `json:"open"`
	Behind int   `json:"behind"`
	Events int64 `json:"events"`
}
