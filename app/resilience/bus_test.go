//go:build unix

package resilience

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashsale/users"
)

// fault is what a busProxy does to the messages between processes.
type fault int32

const (
	noFault fault = iota
	cutOff        // their connections are closed, and so is each new one
	late          // every message is delayed by lateBy
	garbled       // the bytes of the messages are replaced, their length stays
)

const lateBy = 300 * time.Millisecond

// busProxy is a proxy between the product and Redis that disturbs only the messages between processes. It recognizes their
// connections by the commands: only these connections subscribe or publish.
type busProxy struct {
	listener net.Listener
	server   string
	does     atomic.Int32
	hits     atomic.Int64
	serving  sync.WaitGroup

	mu    sync.Mutex
	conns map[*busConn]bool
}

// busConn is a connection of the product to Redis.
type busConn struct {
	client, server net.Conn
	channel        atomic.Bool // it carries messages between processes
}

func (l *busConn) closeAll() { _, _ = l.client.Close(), l.server.Close() }

func newBusProxy(t *testing.T, server string) *busProxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &busProxy{listener: listener, server: server, conns: map[*busConn]bool{}}
	g.serving.Go(g.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		g.each(func(l *busConn) { l.closeAll() })
		g.serving.Wait()
	})
	return g
}

func (g *busProxy) address() string { return g.listener.Addr().String() }

func (g *busProxy) each(do func(*busConn)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for l := range g.conns {
		do(l)
	}
}

func (g *busProxy) accept() {
	for {
		client, err := g.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", g.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		l := &busConn{client: client, server: server}
		g.mu.Lock()
		g.conns[l] = true
		g.mu.Unlock()
		g.serving.Go(func() { g.forward(l) })
		g.serving.Go(func() { g.backward(l) })
	}
}

// begin puts a fault in; the function that it returns takes it out.
func (g *busProxy) begin(what fault) func() {
	g.does.Store(int32(what))
	if what == cutOff {
		g.each(func(l *busConn) {
			if l.channel.Load() {
				g.hits.Add(1)
				l.closeAll()
			}
		})
	}
	return func() { g.does.Store(int32(noFault)) }
}

func (g *busProxy) doing() fault { return fault(g.does.Load()) }

func (g *busProxy) forget(l *busConn) {
	l.closeAll()
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.conns, l)
}

func (g *busProxy) forward(l *busConn) {
	defer g.forget(l)
	buffer := make([]byte, 256<<10)
	for {
		n, err := l.client.Read(buffer)
		if err != nil {
			return
		}
		if bytes.Contains(buffer[:n], []byte("SUBSCRIBE\r\n")) || bytes.Contains(buffer[:n], []byte("PUBLISH\r\n")) {
			l.channel.Store(true)
		}
		if l.channel.Load() && g.doing() == cutOff {
			g.hits.Add(1)
			return
		}
		if _, err := l.server.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (g *busProxy) backward(l *busConn) {
	defer g.forget(l)
	buffer := make([]byte, 256<<10)
	for {
		n, err := l.server.Read(buffer)
		if err != nil {
			return
		}
		if l.channel.Load() {
			g.spoil(buffer[:n])
		}
		if _, err := l.client.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// spoil applies the fault to bytes from Redis. It replaces quotes only: they occur in the messages and never in the protocol
// around them.
func (g *busProxy) spoil(chunk []byte) {
	switch g.doing() {
	case late:
		g.hits.Add(1)
		time.Sleep(lateBy)
	case garbled:
		for i, b := range chunk {
			if b == '"' {
				chunk[i] = byte('!' + rand.IntN(90))
				g.hits.Add(1)
			}
		}
	case noFault, cutOff:
	}
}

// busSpoilt: the messages between processes are lost, late or unreadable. Every request is still answered, by the slower way.
func busSpoilt(t *testing.T, r *report) {
	s := plain(t)
	g := newBusProxy(t, hostOf(t, s.realRedis))
	s.redis = through(t, s.realRedis, g.address())
	w := newWorld(t, r, s, stock, shopperCount)
	last := w.shopperCount
	w.eventually(patience, "verdicts are told", func() bool {
		w.medianTimes(&last, 1)
		return w.metrics(`flashsale_claims_woken_total{by="told"}`) > 0
	})
	before := w.medianTimes(&last, 20)
	var healed time.Time
	for _, one := range []struct {
		name  string
		fault fault
	}{{"cut", cutOff}, {"late by " + lateBy.String(), late}, {"garbage", garbled}} {
		hits := g.hits.Load()
		told := w.metrics(`flashsale_claims_woken_total{by="told"}`)
		dropped, unread := w.metrics("flashsale_bus_dropped_total"), w.metrics("flashsale_bus_unread_total")
		healed = w.during(rate/2, func() func() { return g.begin(one.fault) }, func(time.Time) int64 {
			w.slower(one.name, before, w.medianTimes(&last, 20))
			w.actShown(one.name)
			return g.hits.Load() - hits
		})
		dropped, unread = w.metrics("flashsale_bus_dropped_total")-dropped, w.metrics("flashsale_bus_unread_total")-unread
		r.note("%s: %.0f messages dropped, %.0f not understood", one.name, dropped, unread)
		if one.fault == cutOff && dropped == 0 {
			t.Error("the channel was cut under load, and no message is counted as dropped")
		}
		if one.fault == garbled && unread == 0 {
			t.Error("every message was unreadable, and none is counted so")
		}
		w.eventually(patience, "verdicts are told again", func() bool {
			w.medianTimes(&last, 1)
			return w.metrics(`flashsale_claims_woken_total{by="told"}`) > told
		})
	}
	w.settled(healed, 30*time.Second)
	w.kept()
	w.assertOutcomes()
}

// medianTimes sends that many purchase requests to each instance, one after the other, and returns the median time of each.
// They are of the last shoppers of the series, whom the load does not reach.
func (w *world) medianTimes(last *int, requests int) []time.Duration {
	w.t.Helper()
	medians := make([]time.Duration, len(w.instances))
	var all sync.WaitGroup
	for i, p := range w.instances {
		first := *last
		*last -= requests
		all.Go(func() {
			var took []time.Duration
			for n := range requests {
				began := time.Now()
				w.shoppers.press(context.Background(), p.url, users.AbleName(first-n))
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			medians[i] = took[len(took)/2]
		})
	}
	all.Wait()
	return medians
}

// slower notes by how much longer a purchase request takes on each instance.
func (w *world) slower(name string, before, under []time.Duration) {
	w.t.Helper()
	for i := range under {
		w.report.within(w.t, fmt.Sprintf("%s: a purchase request on instance %d slower by", name, i+1), under[i]-before[i], 100*time.Millisecond)
	}
}

// actShown does an operator's act and its opposite, and notes how long every instance took to show it.
func (w *world) actShown(name string) {
	w.t.Helper()
	for _, total := range []int{w.stock + 1, w.stock} {
		w.operate("/api/flash-sale/update-stock", fmt.Sprintf(`{"stockAmount":%d}`, total), http.StatusOK)
		began := time.Now()
		w.awaitTotal(total)
		w.report.within(w.t, name+": an act is shown everywhere", time.Since(began), time.Second)
	}
}
