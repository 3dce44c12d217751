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
	spared  fault = iota
	cutOff        // their connections are ended, and so is each new one
	late          // everything comes later by lateBy
	garbled       // the messages are something else, of the same length
)

const lateBy = 300 * time.Millisecond

// busProxy stands between the product and Redis and spoils the channel between processes alone. It knows its connections by
// what is asked on them: nobody else subscribes or publishes.
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

func (l *busConn) hangUp() { _, _ = l.client.Close(), l.server.Close() }

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
		g.each(func(l *busConn) { l.hangUp() })
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
				l.hangUp()
			}
		})
	}
	return func() { g.does.Store(int32(spared)) }
}

func (g *busProxy) doing() fault { return fault(g.does.Load()) }

func (g *busProxy) forget(l *busConn) {
	l.hangUp()
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

// spoil does to what comes from Redis what the fault says. Quotes stand in the messages only, not in what frames them.
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
	case spared, cutOff:
	}
}

// busSpoilt: what processes tell each other is lost, late or nonsense. Everybody is answered by the slower way.
func busSpoilt(t *testing.T, r *report) {
	s := plain(t)
	g := newBusProxy(t, hostOf(t, s.realRedis))
	s.redis = through(t, s.realRedis, g.address())
	w := newWorld(t, r, s, stock, crowd)
	last := w.crowd
	w.eventually(patience, "verdicts are told", func() bool {
		w.paces(&last, 1)
		return w.metrics(`flashsale_claims_woken_total{by="told"}`) > 0
	})
	before := w.paces(&last, 20)
	var healed time.Time
	for _, one := range []struct {
		name  string
		fault fault
	}{{"cut", cutOff}, {"late by " + lateBy.String(), late}, {"garbage", garbled}} {
		hits := g.hits.Load()
		told := w.metrics(`flashsale_claims_woken_total{by="told"}`)
		dropped, unread := w.metrics("flashsale_bus_dropped_total"), w.metrics("flashsale_bus_unread_total")
		healed = w.during(rate/2, func() func() { return g.begin(one.fault) }, func(time.Time) int64 {
			w.slower(one.name, before, w.paces(&last, 20))
			w.actShown(one.name)
			return g.hits.Load() - hits
		})
		dropped, unread = w.metrics("flashsale_bus_dropped_total")-dropped, w.metrics("flashsale_bus_unread_total")-unread
		r.note("%s: %.0f messages dropped, %.0f not understood", one.name, dropped, unread)
		if one.fault == cutOff && dropped == 0 {
			t.Error("the channel was cut under load, and no message counts as dropped")
		}
		if one.fault == garbled && unread == 0 {
			t.Error("every message was garbage, and none counts as not understood")
		}
		w.eventually(patience, "verdicts are told again", func() bool {
			w.paces(&last, 1)
			return w.metrics(`flashsale_claims_woken_total{by="told"}`) > told
		})
	}
	w.settled(healed, 30*time.Second)
	w.kept()
	w.assertOutcomes()
}

// paces is the median time of that many presses, one after the other, on each instance: of shoppers from the end of the
// crowd, whom the load does not meet.
func (w *world) paces(last *int, presses int) []time.Duration {
	w.t.Helper()
	medians := make([]time.Duration, len(w.instances))
	var all sync.WaitGroup
	for i, p := range w.instances {
		first := *last
		*last -= presses
		all.Go(func() {
			var took []time.Duration
			for n := range presses {
				began := time.Now()
				w.shoppers.press(context.Background(), p.url, users.SeriesName(first-n))
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			medians[i] = took[len(took)/2]
		})
	}
	all.Wait()
	return medians
}

// slower notes by how much presses take longer on each instance.
func (w *world) slower(name string, before, under []time.Duration) {
	w.t.Helper()
	for i := range under {
		w.report.within(w.t, fmt.Sprintf("%s: a press on instance %d slower by", name, i+1), under[i]-before[i], 100*time.Millisecond)
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
