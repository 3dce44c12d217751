package app

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/app/web"
	"flashsale/events"
	"flashsale/events/consumer"
	"flashsale/inventory"
	"flashsale/sale"
)

// underLoad presses, cancels and begins the sale anew until the test ends or stop is called; it says how many bought.
func underLoad(t *testing.T, a *App) (stop func() int64) {
	t.Helper()
	c := newClient(t, a.URL())
	ctx, cancel := context.WithCancel(context.Background())
	var working sync.WaitGroup
	var bought atomic.Int64
	for range 8 {
		working.Go(func() {
			for ctx.Err() == nil {
				name := fmt.Sprintf("john_doe_%d", 1+rand.IntN(150))
				r, err := c.try(http.MethodPost, "/api/flash-sale/purchase", map[string]string{"username": name})
				if err != nil || r.Status != http.StatusCreated {
					continue
				}
				bought.Add(1)
				if id, err := uuid.Parse(r.text("purchaseId")); err == nil && rand.IntN(4) == 0 {
					_ = pgx.BeginFunc(ctx, a.services.pool, func(tx pgx.Tx) error {
						_, err := a.core.sales.CancelTx(ctx, tx, id)
						return err
					})
				}
			}
		})
	}
	working.Go(func() {
		for ctx.Err() == nil {
			_, _ = c.try(http.MethodPost, "/api/flash-sale/stock-preset/medium", nil)
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	})
	stop = func() int64 {
		cancel()
		working.Wait()
		return bought.Load()
	}
	t.Cleanup(func() { stop() })
	return stop
}

// A sale that is exact is never called broken, however busy it is.
func TestVerifyUnderLoadCallsNothingBroken(t *testing.T) {
	t.Parallel()
	a := newDeployment(t).start(t)
	o := a.core.operations
	o.patience = 2 * time.Second
	if r := newClient(t, a.URL()).call(http.MethodPost, "/api/users/seed", map[string]int{"userCount": 1500}); r.Status != http.StatusOK {
		t.Fatalf("seed: %d %s", r.Status, r.Raw)
	}
	stop := underLoad(t, a)
	var mu sync.Mutex
	said := map[string]int{}
	note := func(checks ...web.Check) {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range checks {
			said[c.ID+" "+c.State]++
			if c.State == stateBroken {
				t.Errorf("%s is called broken: %s", c.ID, c.Detail)
			}
		}
	}
	var verifying sync.WaitGroup
	for range 3 {
		verifying.Go(func() {
			for range 100 {
				units, shoppers, err := o.ordersChecks(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				note(units, shoppers, o.historyCheck(t.Context()))
			}
		})
		verifying.Go(func() {
			for range 3 {
				checks, err := o.Verify(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				note(checks...)
			}
		})
	}
	verifying.Wait()
	bought := stop()
	t.Logf("%d bought meanwhile; said: %v", bought, said)
	if bought == 0 || said["I1 ok"] < 300 || said["I7 ok"]+said["I7 unknown"] < 300 {
		t.Errorf("%d bought, said: %v", bought, said)
	}
}

// idle is a deployment in which somebody has bought and nothing runs any more.
func idle(t *testing.T) *operations {
	t.Helper()
	d := newDeployment(t)
	a := d.start(t)
	if r := newClient(t, a.URL()).buySettled("john_doe"); r.Status != http.StatusCreated {
		t.Fatalf("buy: %d %s", r.Status, r.Raw)
	}
	d.stop(t, a)
	s := &services{endpoints: d.ends}
	if err := s.connect(t.Context(), d.cfg, d.log, nil); err != nil {
		t.Fatal(err)
	}
	c := newCore(d.cfg, s, d.log, nil)
	t.Cleanup(func() {
		c.close()
		if err := s.close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	c.operations.patience = time.Second
	return c.operations
}

func (o *operations) present(t *testing.T) inventory.Key {
	t.Helper()
	keys, err := o.sales.CurrentKeys(t.Context())
	if err != nil || len(keys) != 1 {
		t.Fatalf("%d sales (%v)", len(keys), err)
	}
	return inventory.Key(keys[0])
}

func wants(t *testing.T, c web.Check, state, detail string) {
	t.Helper()
	if c.State != state || !strings.Contains(c.Detail, detail) {
		t.Errorf("%s is %s (%q), want %s and %q", c.ID, c.State, c.Detail, state, detail)
	}
}

func TestADifferenceThatStaysIsBrokenUnlessClaimsAreStillToBeDecided(t *testing.T) {
	t.Parallel()
	o := idle(t)
	ctx, k := t.Context(), o.present(t)
	wants(t, o.holdersCheck(ctx), stateOK, "")
	place := func(field string) {
		t.Helper()
		key := fmt.Sprintf("%s:{%d:%d}:holders", o.cfg.Namespace, k.Sale, k.Generation)
		if err := o.services.redis.Do(ctx, o.services.redis.B().Hset().Key(key).FieldValue().FieldValue(field, "").Build()).Error(); err != nil {
			t.Fatal(err)
		}
	}
	place("nobody")
	wants(t, o.holdersCheck(ctx), stateBroken, "places that are no shopper's")
	place("1000001")
	wants(t, o.holdersCheck(ctx), stateBroken, "1 places without an order")
	late := events.Claim{V: events.ClaimVersion, Kind: events.KindClaim, ID: uuid.New(), SaleID: k.Sale, Generation: k.Generation,
		UserID: 1000001, Username: "late", Attempt: 1, PressedAt: time.Now()}
	if _, err := o.services.log.Append(ctx, 0, []events.Claim{late}); err != nil {
		t.Fatal(err)
	}
	wants(t, o.holdersCheck(ctx), stateUnknown, "still to be decided")
}

// Differences that are others at every look are those of a busy sale; so is one that appeared a moment ago.
func TestADifferenceThatDoesNotStayIsUnknown(t *testing.T) {
	t.Parallel()
	o := idle(t)
	k := o.present(t)
	one, two := difference{key: k, kind: placeWithoutOrder, user: 1}, difference{key: k, kind: placeWithoutOrder, user: 2}
	if stayed := (differences{one: true}).alsoIn(differences{two: true}); len(stayed) != 0 {
		t.Errorf("stayed: %v", stayed)
	}
	wants(t, o.unsettled(t.Context(), web.Check{State: stateUnknown}, differences{}, nil), stateUnknown, "too fast")
	wants(t, o.unsettled(t.Context(), web.Check{State: stateUnknown}, differences{one: true}, errors.New("away")), stateUnknown, "away")
	wants(t, o.unsettled(t.Context(), web.Check{State: stateUnknown}, differences{one: true}, nil), stateBroken, "1 places without an order")
}

func TestNothingIsSaidOfWhatWasNotRead(t *testing.T) {
	t.Parallel()
	o := idle(t)
	wants(t, o.logCheck(t.Context()), stateOK, "")
	wants(t, o.historyCheck(t.Context()), stateOK, "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wants(t, o.logCheck(ctx), stateUnknown, "partition 0")
	wants(t, o.historyCheck(ctx), stateUnknown, "canceled")
	wants(t, o.holdersCheck(ctx), stateUnknown, "no time")

	err := pgx.BeginFunc(t.Context(), o.services.pool, func(tx pgx.Tx) error {
		_, err := o.sales.BeginGenerationTx(t.Context(), tx, "flash-sale", sale.KeepTotal)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	wants(t, o.historyCheck(t.Context()), stateUnknown, "1 ended generations have no digest yet")
}

func TestALogThatWasNotReadToItsEndIsUnknown(t *testing.T) {
	t.Parallel()
	whole := consumer.Finding{Partition: 0, End: 9, Cursor: 9, Read: 9, Claims: 9}
	unread := consumer.Finding{Partition: 3, End: 9, Cursor: 7, Read: 4, Claims: 4, Unread: errors.New("not read from 4 on: no records")}
	lost := consumer.Finding{Partition: 5, End: 9, Cursor: 9, Read: 9, Missing: []uuid.UUID{uuid.New()}}
	for what, c := range map[string]struct {
		findings []consumer.Finding
		state    string
		detail   string
		code     bool
	}{
		"read to the cursor":         {[]consumer.Finding{whole}, stateOK, "", false},
		"one partition unread":       {[]consumer.Finding{whole, unread}, stateUnknown, "partition 3: cursor 7, log 0 to 9, read to 4, 4 claims", false},
		"a verdict lost":             {[]consumer.Finding{lost, whole}, stateBroken, "partition 5", true},
		"lost here and unread there": {[]consumer.Finding{unread, lost}, stateBroken, "partition 5", true},
	} {
		verdict := logVerdict(c.findings)
		wants(t, verdict, c.state, c.detail)
		if got := anyBroken([]web.Check{verdict}); got != c.code {
			t.Errorf("%s: the command fails: %v", what, got)
		}
	}
}
