package instance

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"flashsale/app/operator"
	"flashsale/events/audit"
	"flashsale/sale"
	"flashsale/users"
)

// demo is an act of the operator of demo mode, without a key.
func demo() operator.Act { return operator.Act{ActKey: audit.ActKey{Principal: "demo"}} }

// cancelOrder takes an order back as an operator does: one act, shown on this process, and the place given back.
func cancelOrder(t *testing.T, a *Instance, id uuid.UUID) (sale.Receipt, error) {
	t.Helper()
	done, err := a.wiring.acts.CancelOrder(t.Context(), demo(), id, "a test")
	return done.Order.Receipt, err
}

func idOf(t *testing.T, r reply) uuid.UUID {
	t.Helper()
	id, err := uuid.Parse(r.Text("purchaseId"))
	if err != nil {
		t.Fatalf("no receipt: %d %s", r.Status, r.Raw)
	}
	return id
}

// The place is free at once. The reconciler alone needs two comparisons two seconds apart for it, and meanwhile the sale says
// "all claimed".
func TestACancelledUnitIsForSaleWhenTheCancelReturns(t *testing.T) {
	t.Parallel()
	a := newDeployment(t).start(t)
	c := newClient(t, a.URL())
	orders := make([]uuid.UUID, 5)
	for i := range orders {
		orders[i] = idOf(t, c.BuySettled(shopperName(i)))
	}
	if r := c.BuySettled(shopperName(5)); r.Status != http.StatusConflict {
		t.Fatalf("with nothing left: %d %s", r.Status, r.Raw)
	}

	gone, err := cancelOrder(t, a, orders[0])
	if err != nil || gone.OrderID != orders[0] {
		t.Fatalf("cancel: %+v, %v", gone, err)
	}
	if r := c.BuySettled(shopperName(5)); r.Status != http.StatusCreated || r.Number("unit") != float64(gone.Unit) {
		t.Errorf("another shopper, at once: %d %s", r.Status, r.Raw)
	}
	if _, err := cancelOrder(t, a, orders[1]); err != nil {
		t.Fatal(err)
	}
	if r := c.Call(http.MethodGet, "/api/flash-sale/purchase/"+shopperName(1), nil); r.Body["hasPurchased"] != false {
		t.Errorf("the check of a cancelled order: %s", r.Raw)
	}
	if r := c.BuySettled(shopperName(1)); r.Status != http.StatusCreated || idOf(t, r) == orders[1] {
		t.Errorf("the same shopper, at once: %d %s", r.Status, r.Raw)
	}
	if r := c.BuySettled(shopperName(0)); r.Status != http.StatusConflict {
		t.Errorf("when it is sold again: %d %s", r.Status, r.Raw)
	}
	c.Verifies()
}

// cancelLoad is shoppers who buy on all instances while an operator cancels orders on the first.
type cancelLoad struct {
	clients []*client

	mu       sync.Mutex
	seen     []uuid.UUID // receipts that are not cancelled yet
	known    map[uuid.UUID]bool
	shown    []showing
	gone     map[uuid.UUID]time.Time // when the cancel returned
	shoppers map[uuid.UUID]int
}

// showing is a receipt that an instance answered with.
type showing struct {
	order uuid.UUID
	at    int
	begun time.Time
}

func (b *cancelLoad) press(shopper, at int) error {
	begun := time.Now()
	r, err := b.clients[at].Try(http.MethodPost, "/api/flash-sale/purchase", map[string]string{"username": shopperName(shopper)})
	if err != nil {
		return err
	}
	id, err := uuid.Parse(r.Text("purchaseId"))
	if err != nil {
		return nil // an answer without a receipt
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shown = append(b.shown, showing{id, at, begun})
	if !b.known[id] {
		b.known[id], b.shoppers[id] = true, shopper
		b.seen = append(b.seen, id)
	}
	return nil
}

// pick takes a random order that can be cancelled.
func (b *cancelLoad) pick() (id uuid.UUID, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.seen) == 0 {
		return id, false
	}
	i := rand.N(len(b.seen))
	id = b.seen[i]
	b.seen[i] = b.seen[len(b.seen)-1]
	b.seen = b.seen[:len(b.seen)-1]
	return id, true
}

func TestCancelsDuringASaleAreExact(t *testing.T) {
	t.Parallel()
	const stock, cancels, shoppers = 20, 60, 200
	d := newDeployment(t)
	a, other := d.start(t), d.start(t)
	b := &cancelLoad{clients: []*client{newClient(t, a.URL()), newClient(t, other.URL())},
		known: map[uuid.UUID]bool{}, gone: map[uuid.UUID]time.Time{}, shoppers: map[uuid.UUID]int{}}
	c := b.clients[0]
	if r := c.Call(http.MethodPost, "/api/users/seed", map[string]int{"userCount": users.AbleLength(shoppers)}); r.Status != http.StatusOK {
		t.Fatalf("seed: %d %s", r.Status, r.Raw)
	}
	if _, err := a.wiring.acts.SetStock(t.Context(), demo(), "", stock); err != nil {
		t.Fatal(err)
	}

	var over atomic.Bool
	var buying sync.WaitGroup
	for range 6 {
		buying.Go(func() {
			for !over.Load() {
				if err := b.press(rand.N(shoppers), rand.N(2)); err != nil {
					t.Errorf("press: %v", err)
					return
				}
			}
		})
	}
	cancelled := 0
	cancel := func(n int) {
		for end := time.Now().Add(time.Minute); n > 0 && time.Now().Before(end); {
			id, ok := b.pick()
			if !ok {
				time.Sleep(time.Millisecond)
				continue
			}
			_, err := cancelOrder(t, a, id)
			switch {
			case errors.Is(err, sale.ErrBusy):
				continue
			case err != nil:
				t.Errorf("cancel: %v", err)
			}
			b.mu.Lock()
			b.gone[id] = time.Now()
			b.mu.Unlock()
			n--
			cancelled++
		}
	}
	cancel(cancels / 2)
	if _, err := a.wiring.acts.Reset(t.Context(), demo(), "", false); err != nil {
		t.Fatal(err)
	}
	cancel(cancels / 2)
	over.Store(true)
	buying.Wait()
	if cancelled != cancels {
		t.Fatalf("%d of %d orders were cancelled", cancelled, cancels)
	}

	// Every unit that came back is sold again, also to those who lost theirs.
	for shopper := 0; c.Status().Number("currentStock") > 0; shopper++ {
		if shopper == shoppers {
			t.Fatalf("after every shopper has asked: %s", c.Status().Raw)
		}
		c.BuySettled(shopperName(shopper))
	}
	for _, s := range b.shown {
		if gone, ok := b.gone[s.order]; ok && s.at == 0 && s.begun.After(gone) {
			t.Errorf("a request %v after the cancel was answered with the cancelled order", s.begun.Sub(gone))
		}
	}
	for id := range b.gone {
		eventually(t, "the other instance to forget a cancelled order", func() bool {
			r, err := b.clients[1].Try(http.MethodPost, "/api/flash-sale/purchase", map[string]string{"username": shopperName(b.shoppers[id])})
			return err == nil && r.Text("purchaseId") != id.String()
		})
	}
	c.Verifies()
}
