package live_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"flashsale/app/live"
)

// patience bounds what a test waits for; nothing takes that long unless it is broken.
const patience = 20 * time.Second

// fixture is a hub and its feed.
type fixture struct {
	t    *testing.T
	hub  *live.Hub
	feed *live.Feed
}

func newFixture(t *testing.T, change func(*live.FeedConfig)) *fixture {
	t.Helper()
	s := &fixture{t: t, hub: live.New(1000)}
	cfg := live.FeedConfig{
		Hub: s.hub, Known: func(id, last string) bool { return id == last }, Beat: func() []byte { return []byte("beat\n") },
		Bye: func() []byte { return []byte("bye\n") }, Heartbeat: func() time.Duration { return time.Hour },
	}
	if change != nil {
		change(&cfg)
	}
	s.feed = live.NewFeed(cfg)
	t.Cleanup(s.feed.Close)
	return s
}

// client is the reading end of a connection that the feed writes to.
type client struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

// open adds a connection that was shown the frame named last.
func (s *fixture) open(last string) *client {
	s.t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	near, err := (&net.Dialer{}).DialContext(s.t.Context(), "tcp", l.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = near.Close() })
	far, err := l.Accept()
	if err != nil {
		s.t.Fatal(err)
	}
	sub, err := s.hub.Subscribe("sale", "")
	if err != nil {
		s.t.Fatal(err)
	}
	s.feed.Add(sub, far, last)
	_ = near.SetDeadline(time.Now().Add(patience))
	return &client{near, s.t, bufio.NewReader(near)}
}

func (c *client) want(line string) {
	c.t.Helper()
	got, err := c.r.ReadString('\n')
	if err != nil || got != line+"\n" {
		c.t.Fatalf("got %.80q %v, want %q", got, err, line)
	}
}

func (c *client) wantEnd() {
	c.t.Helper()
	if b, err := c.r.ReadByte(); err == nil {
		c.t.Fatalf("the stream goes on with %q", b)
	}
}

func (s *fixture) publish(id string) { s.hub.Publish("sale", id, []byte(id+"\n")) }

// settle waits until so many streams are open.
func (s *fixture) settle(n int) {
	s.t.Helper()
	for end := time.Now().Add(patience); s.hub.Count() != n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("%d streams are open, want %d", s.hub.Count(), n)
		}
	}
}

func TestFeedSendsEachClientTheFramesThatAreNewToIt(t *testing.T) {
	t.Parallel()
	s := newFixture(t, nil)
	s.publish("1")
	shown, behind := s.open("1"), s.open("0")
	behind.want("1")
	s.publish("2")
	shown.want("2")
	behind.want("2")
	late := s.open("2")
	s.publish("3")
	for _, c := range []*client{shown, behind, late} {
		c.want("3")
	}
	s.feed.Close()
	for _, c := range []*client{shown, behind, late} {
		c.want("bye")
		c.wantEnd()
	}
	s.settle(0)
}

func TestFeedServesAllStreamsAlthoughItRests(t *testing.T) {
	t.Parallel()
	s := newFixture(t, nil)
	clients := make([]*client, 300)
	for i := range clients {
		clients[i] = s.open("")
	}
	for n := 1; n <= 3; n++ {
		s.publish(strconv.Itoa(n))
		for _, c := range clients {
			c.want(strconv.Itoa(n))
		}
	}
}

func TestFeedClosesTheStreamOfAClientWhoLeft(t *testing.T) {
	t.Parallel()
	s := newFixture(t, nil)
	gone, stays := s.open(""), s.open("")
	if _, err := gone.Write([]byte("GET / HTTP/1.1\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()
	s.settle(1)
	s.publish("1")
	stays.want("1")
}

func TestFeedClosesTheStreamsOfAClosedHub(t *testing.T) {
	t.Parallel()
	s := newFixture(t, nil)
	c := s.open("")
	s.hub.Close()
	c.wantEnd()
	s.settle(0)
}

func TestFeedSendsHeartbeatsOnQuietStreams(t *testing.T) {
	t.Parallel()
	s := newFixture(t, func(c *live.FeedConfig) { c.Heartbeat = func() time.Duration { return time.Millisecond } })
	c := s.open("")
	c.want("beat")
	c.want("beat")
}

func TestFeedWorksAgainAfterItWasEmpty(t *testing.T) {
	t.Parallel()
	s := newFixture(t, nil)
	_ = s.open("").Close()
	s.settle(0)
	c := s.open("")
	s.publish("1")
	c.want("1")
}

func TestClosedFeedEndsNewStreamsWithBye(t *testing.T) {
	t.Parallel()
	s := newFixture(t, nil)
	s.feed.Close()
	s.feed.Close()
	c := s.open("")
	c.want("bye")
	c.wantEnd()
	s.settle(0)
}

// big is a frame that is too large for a socket's buffers.
func big(id byte) []byte {
	return append(bytes.Repeat([]byte{id}, 16<<20), '\n')
}

func TestASlowReaderGetsWholeFramesAndTheNewest(t *testing.T) {
	t.Parallel()
	s := newFixture(t, func(c *live.FeedConfig) {
		// Heartbeats are empty: what is left of a frame is sent often, and nothing else.
		c.Patience, c.Beat, c.Heartbeat = time.Hour, func() []byte { return nil }, func() time.Duration { return time.Millisecond }
	})
	slow, quick := s.open(""), s.open("")
	frames := []byte{'a', 'b', 'c'}
	for _, id := range frames {
		s.hub.Publish("sale", string(id), big(id))
		line, err := quick.r.ReadString('\n') // when the quick one has it all, both have been served
		if err != nil || line[0] != id || len(line) != 16<<20+1 {
			t.Fatalf("%q %v", line[:1], err)
		}
	}
	for i, want := range []byte{'a', 'c'} {
		line, err := slow.r.ReadString('\n')
		if err != nil || len(line) != 16<<20+1 || strings.Trim(line, string(want)) != "\n" {
			t.Fatalf("frame %d is %d bytes of %q, %v; want %q", i, len(line), line[:1], err, want)
		}
	}
}

func TestTheStreamOfAReaderThatTakesNothingIsClosed(t *testing.T) {
	t.Parallel()
	s := newFixture(t, func(c *live.FeedConfig) { c.Patience = time.Millisecond })
	stuck := s.open("")
	s.hub.Publish("sale", "a", big('a'))
	s.settle(0)
	if _, err := io.Copy(io.Discard, stuck.r); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Error(err)
	}
}
