package app

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"time"
)

// openLobby listens with room for so many, of whom those at rest may have to go who have said nothing for that time.
func openLobby(t *testing.T, limit int, rest time.Duration) (*lobby, net.Listener) {
	t.Helper()
	inner, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := newLobby(limit)
	l.rest = rest
	door := l.in(inner)
	t.Cleanup(func() { _ = door.Close() })
	return l, door
}

// visit connects to a listener.
func visit(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// accepted hands over what a listener accepts, until it is closed.
func accepted(l net.Listener) <-chan net.Conn {
	inside := make(chan net.Conn)
	go func() {
		defer close(inside)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			inside <- conn
		}
	}()
	return inside
}

// await is the next of what comes by a channel, as the next connection that is let in.
func await[T any](t *testing.T, comes <-chan T) T {
	t.Helper()
	select {
	case next := <-comes:
		return next
	case <-time.After(time.Minute):
		t.Fatal("nobody is let in, nothing comes")
		panic("unreachable")
	}
}

func TestWhoHasBeenQuietForLongestMakesRoom(t *testing.T) {
	t.Parallel()
	l, door := openLobby(t, 3, time.Nanosecond)
	// The test accepts by itself, as the one who waits for a newcomer is the one who makes room.
	enter := func() net.Conn {
		visit(t, door)
		conn, err := door.Accept()
		if err != nil {
			t.Fatal(err)
		}
		l.state(conn, http.StateIdle)
		return conn
	}
	var guests []net.Conn
	for range 3 {
		guests = append(guests, enter())
	}
	// The first one is spoken to once more; so the second one has been quiet for longest.
	if _, err := guests[0].Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	enter()
	if n := l.closed.Load(); n != 1 {
		t.Errorf("%d had to make room for one", n)
	}
	if _, err := guests[1].Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the quietest is still inside: %v", err)
	}
	for _, i := range []int{0, 2} {
		if _, err := guests[i].Write([]byte("x")); err != nil {
			t.Errorf("guest %d had to go: %v", i, err)
		}
	}
}

func TestNobodyWhoIsServedMakesRoom(t *testing.T) {
	t.Parallel()
	l, door := openLobby(t, 2, time.Nanosecond)
	inside := accepted(door)
	visit(t, door)
	first := await(t, inside)
	visit(t, door)
	for _, conn := range []net.Conn{first, await(t, inside)} {
		l.state(conn, http.StateActive)
	}
	visit(t, door)
	select {
	case <-inside:
		t.Fatal("a third one was let in")
	case <-time.After(2 * evictEvery):
	}
	if n := l.closed.Load(); n != 0 {
		t.Errorf("%d had to go", n)
	}
	if err := errors.Join(first.Close(), first.Close()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed twice: %v", err)
	}
	await(t, inside)
	if n := len(l.places); n > 2 {
		t.Errorf("%d places are taken of 2", n)
	}
}

func TestAListenerThatClosesEndsTheWaitForAPlace(t *testing.T) {
	t.Parallel()
	_, door := openLobby(t, 1, time.Hour)
	inside := accepted(door)
	visit(t, door)
	await(t, inside)
	visit(t, door)
	if err := door.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	select {
	case _, open := <-inside:
		if open {
			t.Error("somebody was let in after the end")
		}
	case <-ctx.Done():
		t.Error("still waits for a place")
	}
}

func TestTheLobbyLeavesDescriptorsForTheServers(t *testing.T) {
	t.Parallel()
	for descriptors, want := range map[int]int{0: lobbyAnyway, 256: 128, 1_024: 512, 20_000: 19_000, 1 << 30: lobbyAnyway} {
		if got := lobbySize(descriptors); got != want {
			t.Errorf("with %d descriptors %d connections, want %d", descriptors, got, want)
		}
	}
}

// Live updates are written to the socket itself; who gets them is not quiet.
func TestWhoIsToldByTheSocketItselfHasNotBeenQuiet(t *testing.T) {
	t.Parallel()
	_, door := openLobby(t, 4, time.Minute)
	visit(t, door)
	g := await(t, accepted(door)).(*guest)
	g.last.Store(0)
	raw, err := g.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Write(func(uintptr) bool { return true }); err != nil || g.last.Load() == 0 {
		t.Errorf("%v, last heard of at %d", err, g.last.Load())
	}
}

// The clock on the wall may be set at any time; what is measured is how long nobody has spoken.
func TestWhenAGuestSpokeIsNoTimeOfDay(t *testing.T) {
	t.Parallel()
	began := time.Now()
	g, _, _ := newPair(t)
	if _, err := g.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	// The lobby is younger than this test, so nothing in it has lasted for longer.
	most := int64(time.Since(began))
	if last, bound := g.last.Load(), g.writeBound.Load()-int64(writeWithin-writeAtLeast); last > most || bound > most {
		t.Errorf("spoke at %v, writes are bounded from %v on; the lobby is no older than %v",
			time.Duration(last), time.Duration(bound), time.Duration(most))
	}
}
