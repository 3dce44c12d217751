//go:build unix

package resilience

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"flashsale/users"
)

// killedBeforeOffsets: the cursor in Postgres is ahead of the group's offset, so no claim is decided again.
func killedBeforeOffsets(t *testing.T, r *report) {
	w := newWorld(t, r, plain(t), stock, shopperCount)
	for range 3 {
		l := w.pressing(rate)
		before := w.shoppers.answered.Load()
		w.eventually(30*time.Second, "shoppers are answered", func() bool { return w.shoppers.answered.Load() > before+workers })
		victim := w.instances[0]
		inFlight := w.shoppers.inFlight.Load()
		victim.kill()
		w.report.pressed += inFlight
		l.stop()
		if r.instances == 1 { // with others left, they go on and both move
			if ahead := w.cursorAhead(); ahead > 0 {
				r.hits++
				r.note("cursor ahead by %d", ahead)
			}
		} else {
			r.hits += inFlight
		}
		w.instances[0] = w.instance()
	}
	if r.hits == 0 {
		t.Error("offsets were never behind the cursor; the row proves nothing")
	}
	w.verified() // the invariants hold before the group has a consumer again, too
	w.settled(time.Now(), 60*time.Second)
	orders := w.number("SELECT count(*) FROM orders")
	time.Sleep(time.Second)
	if more := w.number("SELECT count(*) FROM orders") - orders; more != 0 {
		t.Errorf("%d orders came from reading again", more)
	}
	w.kept()
	w.assertOutcomes("reset", "refused")
}

// cursorAhead is by how many records the ledger is ahead of the group's offset.
func (w *world) cursorAhead() int64 {
	w.t.Helper()
	client, done := w.kafka()
	defer done()
	partition := int(w.number("SELECT partition FROM sales ORDER BY id LIMIT 1"))
	topic := w.namespace + ".claims"
	res, err := client.OffsetFetch(context.Background(), &kafka.OffsetFetchRequest{GroupID: w.namespace + "-ledger", Topics: map[string][]int{topic: {partition}}})
	if err != nil {
		w.t.Fatal(err)
	}
	committed := int64(0)
	for _, p := range res.Topics[topic] {
		committed = max(0, p.CommittedOffset)
	}
	return w.number("SELECT coalesce(max(next_offset), 0) FROM log_cursors WHERE partition = $1", partition) - committed
}

// stoppedAndContinued: a consumer and a reconciler continue after the others have gone on without them.
func stoppedAndContinued(t *testing.T, r *report) {
	w := newWorld(t, r, plain(t), stock, shopperCount)
	w.shoppers.http.Timeout = time.Minute // they wait until the stopped one continues
	frozen := w.instances[0]
	caught := w.pressing(rate)
	time.Sleep(warm)
	_ = frozen.cmd.Process.Signal(syscall.SIGSTOP)
	stopped := time.Now()
	caught.cancel()
	w.next = int(caught.next.Load())
	l := w.pressing(rate/2, w.instances[1:]...)
	var patient sync.WaitGroup
	for n := range 20 { // they get no answer there, ask elsewhere meanwhile, and are answered there in the end
		patient.Go(func() { w.shoppers.press(context.Background(), frozen.url, users.AbleName(w.shopperCount-n)) })
	}
	time.Sleep(2 * time.Second)
	for n := range 20 {
		w.shoppers.press(context.Background(), w.instances[1].url, users.AbleName(w.shopperCount-n))
	}
	r.hits = w.shoppers.inFlight.Load()
	before := w.shoppers.answered.Load()
	w.shoppers.forgetSlowest()
	time.Sleep(10 * time.Second)
	slowest := w.shoppers.slowestSoFar() // before the stopped instance answers
	time.Sleep(30*time.Second - time.Since(stopped))
	_ = frozen.cmd.Process.Signal(syscall.SIGCONT)
	continued := time.Now()
	r.pressed = w.shoppers.answered.Load() - before
	time.Sleep(warm)
	l.stop()
	caught.wg.Wait()
	patient.Wait()
	if r.hits < 20 {
		t.Error("the stopped instance had no requests; the row proves nothing")
	}
	r.within(t, "slowest answer elsewhere", slowest, 2*time.Second)
	w.settled(continued, 60*time.Second)
	w.kept()
	w.assertOutcomes("503 not-bought-retry")
}

// stoppedInOrder: every request that was accepted gets an answer.
func stoppedInOrder(t *testing.T, r *report) {
	w := newWorld(t, r, plain(t), stock, shopperCount)
	for range 3 {
		l := w.pressing(rate)
		before := w.shoppers.answered.Load()
		w.eventually(30*time.Second, "shoppers are answered", func() bool { return w.shoppers.answered.Load() > before+workers })
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		began := time.Now()
		if err := w.instances[0].stop(ctx); err != nil {
			t.Errorf("exit: %v", err)
		}
		cancel()
		r.within(t, "stop", time.Since(began), 9*time.Second)
		r.hits++
		r.pressed += w.shoppers.answered.Load() - before
		l.stop()
		w.instances[0] = w.instance()
	}
	w.settled(time.Now(), 60*time.Second)
	w.kept()
	w.assertOutcomes("refused") // and no resets
}

// resetUnderLoad: claims of the old generation are declined, its orders stay as they were.
func resetUnderLoad(t *testing.T, r *report) {
	w := newWorld(t, r, plain(t), stock, shopperCount)
	l := w.pressing(rate)
	time.Sleep(warm)
	l.once.Store(true) // a second request may be for the new generation
	for range 3 {
		time.Sleep(warm)
		before := w.shoppers.answered.Load()
		w.operate("/api/flash-sale/reset", `{"resetToSmallStock":false}`, http.StatusOK)
		r.hits++
		time.Sleep(warm)
		r.pressed += w.shoppers.answered.Load() - before
	}
	l.stop()
	w.settled(time.Now(), 30*time.Second)
	w.verified()
	w.assertInPostgres()
	if n := w.number("SELECT count(DISTINCT generation) FROM orders"); n < 2 {
		t.Errorf("orders of %d generations; the resets met no purchases", n)
	}
	w.assertOutcomes("409 generation-changed")
	seen := w.report.statuses
	w.shoppers = newShoppers(t) // in the last generation nobody has bought yet
	w.verified()
	sellOut(t, w.shoppers, w.anywhere(), w.stock, w.shopperCount)
	if sold := w.number("SELECT count(*) FROM orders WHERE released_at IS NULL AND generation = (SELECT max(generation) FROM sales)"); sold != int64(w.stock) {
		t.Errorf("%d live orders for %d units", sold, w.stock)
	}
	w.verified()
	w.report.statuses = seen
}

// operate does an operator's act on one instance.
func (w *world) operate(path, body string, want int) answer {
	w.t.Helper()
	a := w.shoppers.send(context.Background(), http.MethodPost, w.anywhere()+path, body)
	if a.Status != want {
		w.t.Fatalf("%s %s: %d %s", path, body, a.Status, a.Raw)
	}
	return a
}

// stockChanged: a stock below what is sold is refused; more stock opens the sold-out sale again.
func stockChanged(t *testing.T, r *report) {
	w := newWorld(t, r, plain(t), 200, shopperCount)
	sellOut(t, w.shoppers, w.anywhere(), 200, shopperCount)
	a := w.operate("/api/flash-sale/update-stock", `{"stockAmount":100}`, http.StatusConflict)
	if !strings.Contains(a.Raw, "/problems/") {
		t.Errorf("refused without a problem: %s", a.Raw)
	}
	w.next = 200
	l := w.pressing(rate)
	for raised := 300; raised <= 500; raised += 100 {
		sold := func() int64 { return w.number("SELECT taken FROM stock ORDER BY generation DESC LIMIT 1") }
		w.eventually(60*time.Second, "it is sold out", func() bool { return sold() == w.total() })
		before, bought := w.shoppers.answered.Load(), w.shoppers.tally()["201"]
		began := time.Now()
		w.operate("/api/flash-sale/update-stock", `{"stockAmount":`+strconv.Itoa(raised)+`}`, http.StatusOK)
		w.eventually(20*time.Second, "somebody buys again", func() bool { return w.shoppers.tally()["201"] > bought })
		r.within(t, "reopened", time.Since(began), 2*time.Second)
		for _, p := range w.instances {
			w.eventually(20*time.Second, "every instance sells again or has sold out again", func() bool {
				return w.shoppers.press(context.Background(), p.url, users.AbleName(w.shopperCount)).Status < 300 || sold() == int64(raised)
			})
		}
		r.hits++
		r.pressed += w.shoppers.answered.Load() - before
	}
	l.stop()
	w.stock = 500
	w.settled(time.Now(), 30*time.Second)
	w.kept()
	w.assertOutcomes()
}

// total is the stock as Postgres has it.
func (w *world) total() int64 {
	w.t.Helper()
	return w.number("SELECT total FROM stock ORDER BY generation DESC LIMIT 1")
}
