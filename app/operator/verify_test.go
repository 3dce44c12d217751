package operator_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/app/instance"
	"flashsale/app/instance/instancetest"
	"flashsale/app/operator"
	"flashsale/events"
	"flashsale/events/audit"
	"flashsale/events/claimlog"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

// underLoad buys, cancels and resets the sale at that instance until the test ends or stop is called, which returns how many
// bought.
func underLoad(t *testing.T, address string, o *operator.Acts) (stop func() int64) {
	t.Helper()
	c := instancetest.NewClient(t, address)
	ctx, cancel := context.WithCancel(context.Background())
	var working sync.WaitGroup
	var bought atomic.Int64
	for range 8 {
		working.Go(func() {
			for ctx.Err() == nil {
				name := fmt.Sprintf("john_doe_%d", 1+rand.IntN(150))
				r, err := c.Try(http.MethodPost, "/api/flash-sale/purchase", map[string]string{"username": name})
				if err != nil || r.Status != http.StatusCreated {
					continue
				}
				bought.Add(1)
				if id, err := uuid.Parse(r.Text("purchaseId")); err == nil && rand.IntN(4) == 0 {
					_, _ = o.CancelOrder(ctx, operator.Act{ActKey: audit.ActKey{Principal: "demo"}}, id, "a test")
				}
			}
		})
	}
	working.Go(func() {
		for ctx.Err() == nil {
			_, _ = c.Try(http.MethodPost, "/api/flash-sale/stock-preset/medium", nil)
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

// asksUnderLoad is how many times a running instance is asked to verify in the ordinary run of the tests; VERIFY_ASKS is another
// number.
const asksUnderLoad = 16

// sayings counts what verify says, and fails the test when it calls something broken.
type sayings struct {
	t    *testing.T
	mu   sync.Mutex
	said map[string]int
}

func (s *sayings) note(id, state, detail string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said[id+" "+state]++
	if state == operator.Broken {
		s.t.Errorf("%s is called broken: %s", id, detail)
	}
}

// asked is how often something was said of an invariant.
func (s *sayings) asked(id string) (n int) {
	for _, state := range []string{operator.OK, operator.Unknown, operator.Broken} {
		n += s.said[id+" "+state]
	}
	return n
}

// ask is one verification by the instance itself, as an operator asks for it.
func (s *sayings) ask(c *instancetest.Client) {
	r, err := c.Try(http.MethodPost, "/api/admin/verify", nil)
	checks, _ := r.Body["checks"].([]any)
	if err != nil || r.Status != http.StatusOK || len(checks) == 0 {
		s.t.Errorf("verify answers %d %s (%v)", r.Status, r.Raw, err)
		return
	}
	for _, one := range checks {
		check, _ := one.(map[string]any)
		text := func(field string) string { v, _ := check[field].(string); return v }
		s.note(text("id"), text("state"), text("detail"))
	}
}

// A sale that is exact is never called broken, however busy it is: neither by the instance that sells it, nor by a command beside.
func TestVerifyUnderLoadCallsNothingBroken(t *testing.T) {
	t.Parallel()
	asks := asksUnderLoad
	if n, err := strconv.Atoi(os.Getenv("VERIFY_ASKS")); err == nil {
		asks = n
	}
	d := instancetest.New(t)
	a := start(t, d)
	o := beside(t, d)
	c := instancetest.NewClient(t, a.URL())
	c.HTTP.Timeout = time.Minute
	if r := c.Call(http.MethodPost, "/api/users/seed", map[string]int{"userCount": 1500}); r.Status != http.StatusOK {
		t.Fatalf("seed: %d %s", r.Status, r.Raw)
	}
	stop := underLoad(t, a.URL(), o)
	s := &sayings{t: t, said: map[string]int{}}
	var left atomic.Int64
	left.Store(int64(asks))
	var verifying sync.WaitGroup
	for range min(16, asks/4) {
		verifying.Go(func() {
			for left.Add(-1) >= 0 {
				s.ask(c)
			}
		})
	}
	verifying.Go(func() {
		for range 100 {
			checks, err := o.MomentChecks(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			for _, c := range checks {
				s.note(c.ID, c.State, c.Detail)
			}
		}
	})
	verifying.Wait()
	bought := stop()
	t.Logf("%d bought meanwhile; said: %v", bought, s.said)
	for id, n := range map[string]int{"I1": asks + 100, "I2": asks + 100, "I4": asks, "I5": asks, "I7": asks + 100, "I8": asks + 100} {
		if s.asked(id) != n {
			t.Errorf("of %s verify said something %d times, want %d", id, s.asked(id), n)
		}
	}
	// Of these there is always something to say: nothing that was read is unknown.
	if bought == 0 || s.said["I1 ok"] != asks+100 || s.said["I2 ok"] != asks+100 || s.said["I8 ok"] != asks+100 {
		t.Errorf("%d bought, said: %v", bought, s.said)
	}
}

// start adds an instance, which ends with the test at the latest.
func start(t *testing.T, d instancetest.Deployment) *instance.Instance {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	a, err := instance.Start(ctx, d.Config, d.Log, instancetest.Writer{T: t}, instance.On(d.Servers))
	if err != nil {
		t.Fatalf("start an instance: %v", err)
	}
	t.Cleanup(func() { stop(t, a) })
	return a
}

func stop(t *testing.T, a *instance.Instance) {
	t.Helper()
	if err := a.Stop(context.Background()); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// beside are the acts of a command, in which nothing runs by itself.
func beside(t *testing.T, d instancetest.Deployment) *operator.Acts {
	t.Helper()
	s := &instance.Servers{Settings: d.Servers}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	command, err := instance.Open(t.Context(), d.Config, s, d.Log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { command.Close(context.Background()) })
	return command.Acts()
}

// idle is a deployment in which a shopper has bought and no instance runs any more.
func idle(t *testing.T) (instancetest.Deployment, *operator.Acts) {
	t.Helper()
	d := instancetest.New(t)
	a := start(t, d)
	if r := instancetest.NewClient(t, a.URL()).BuySettled("john_doe"); r.Status != http.StatusCreated {
		t.Fatalf("buy: %d %s", r.Status, r.Raw)
	}
	o := beside(t, d)
	// On a busy machine Redis may be too late, and the ledger sells without a place; the place comes with the next reconciling.
	wants(t, o.HoldersCheck(t.Context()), operator.OK, "")
	stop(t, a)
	o.WaitFor(time.Second)
	return d, o
}

func wants(t *testing.T, c operator.Check, state, detail string) {
	t.Helper()
	if c.State != state || !strings.Contains(c.Detail, detail) {
		t.Errorf("%s is %s (%q), want %s and %q", c.ID, c.State, c.Detail, state, detail)
	}
}

func TestADifferenceThatStaysIsBrokenUnlessClaimsAreStillToBeDecided(t *testing.T) {
	t.Parallel()
	d, o := idle(t)
	ctx, k := t.Context(), o.Present(t)
	wants(t, o.HoldersCheck(ctx), operator.OK, "")
	redis := embeddedtest.Redis(t)
	place := func(field string) {
		t.Helper()
		key := fmt.Sprintf("%s:{%d:%d}:holders", d.Config.Namespace, k.Sale, k.Generation)
		if err := redis.Do(ctx, redis.B().Hset().Key(key).FieldValue().FieldValue(field, "").Build()).Error(); err != nil {
			t.Fatal(err)
		}
	}
	place("nobody")
	wants(t, o.HoldersCheck(ctx), operator.Broken, "places that are no shopper's")
	place("1000001")
	wants(t, o.HoldersCheck(ctx), operator.Broken, "1 places without an order")
	log, err := claimlog.Open(ctx, claimlog.Config{Brokers: d.Servers.KafkaBrokers, LogID: d.Servers.KafkaID, Namespace: d.Config.Namespace, Logger: d.Log})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	late := events.Claim{V: events.ClaimVersion, Kind: events.KindClaim, ID: uuid.New(), SaleID: k.Sale, Generation: k.Generation,
		UserID: 1000001, Username: "late", Attempt: 1, PressedAt: time.Now()}
	if _, err := log.Append(ctx, 0, []events.Claim{late}); err != nil {
		t.Fatal(err)
	}
	wants(t, o.HoldersCheck(ctx), operator.Unknown, "still to be decided")
}

func TestADifferenceThatDoesNotStayIsUnknown(t *testing.T) {
	t.Parallel()
	_, o := idle(t)
	k := o.Present(t)
	wants(t, o.Without(t.Context(), k, nil, nil), operator.Unknown, "too fast")
	wants(t, o.Without(t.Context(), k, []int64{1}, errors.New("away")), operator.Unknown, "away")
	wants(t, o.Without(t.Context(), k, []int64{1}, nil), operator.Broken, "1 places without an order")
}

func TestNothingIsSaidOfWhatWasNotRead(t *testing.T) {
	t.Parallel()
	_, o := idle(t)
	wants(t, o.LogCheck(t.Context()), operator.OK, "")
	wants(t, checked(t, o, "I7"), operator.OK, "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wants(t, o.LogCheck(ctx), operator.Unknown, "partition 0")
	if _, err := o.Verify(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("nothing of Postgres was read, and verify says %v", err)
	}
	wants(t, o.HoldersCheck(ctx), operator.Unknown, "no time")

	if err := o.BeginUnseen(t.Context(), "flash-sale"); err != nil {
		t.Fatal(err)
	}
	wants(t, checked(t, o, "I7"), operator.Unknown, "1 ended generations have no digest yet")
}

// checked is what is said of one of the invariants that are read at one moment.
func checked(t *testing.T, o *operator.Acts, id string) operator.Check {
	t.Helper()
	checks, err := o.MomentChecks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range checks {
		if c.ID == id {
			return c
		}
	}
	t.Fatalf("nothing is said of %s", id)
	return operator.Check{}
}

// traded is a deployment at rest: a generation with one order has ended and has its digest, and the present one has two.
func traded(t *testing.T) (instancetest.Deployment, *operator.Acts) {
	t.Helper()
	d := instancetest.New(t)
	a := start(t, d)
	c := instancetest.NewClient(t, a.URL())
	o := beside(t, d)
	buy := func(name string) {
		t.Helper()
		if r := c.BuySettled(name); r.Status != http.StatusCreated {
			t.Fatalf("buy: %d %s", r.Status, r.Raw)
		}
	}
	buy("john_doe")
	if r := c.Call(http.MethodPost, "/api/flash-sale/reset", nil); r.Status != http.StatusOK {
		t.Fatalf("reset: %d %s", r.Status, r.Raw)
	}
	buy("john_doe")
	buy("jane_smith")
	instancetest.Eventually(t, "the digest", func() bool { return checked(t, o, "I7").State == operator.OK })
	wants(t, o.HoldersCheck(t.Context()), operator.OK, "")
	stop(t, a)
	o.WaitFor(time.Second)
	return d, o
}

// Each invariant that can be checked from here is broken by hand, and mended again.
func TestVerifySeesEachInvariantThatIsBroken(t *testing.T) {
	t.Parallel()
	d, o := traded(t)
	redis, k := embeddedtest.Redis(t), o.Present(t)
	place := fmt.Sprintf("%s:{%d:%d}:holders", d.Config.Namespace, k.Sale, k.Generation)
	tables := openTables(t, d)
	for name, c := range map[string]struct {
		breaks, mends []string
		places        bool // in place of statements
		want          string
		detail        string
		also          string // what is broken with it
	}{
		"more orders than units taken": {want: "I1", detail: "1 of 5 units taken, 2 live orders",
			breaks: []string{`UPDATE stock SET taken = 1 WHERE generation = 2`}, mends: []string{`UPDATE stock SET taken = 2 WHERE generation = 2`}},
		"two orders on one unit": {want: "I1", detail: "2 live orders on 1 units",
			breaks: []string{`DROP INDEX orders_one_per_unit`, `UPDATE orders SET unit = 1 WHERE generation = 2 AND username = 'jane_smith'`},
			mends:  []string{`UPDATE orders SET unit = 2 WHERE generation = 2 AND username = 'jane_smith'`}},
		"two orders of one shopper": {want: "I2", detail: "2 live orders of 1 shoppers", also: "I4",
			breaks: []string{`DROP INDEX orders_one_per_shopper`, `CREATE TABLE was AS SELECT id, user_id FROM orders`,
				`UPDATE orders SET user_id = (SELECT min(user_id) FROM orders WHERE generation = 2) WHERE generation = 2`},
			mends: []string{`UPDATE orders o SET user_id = was.user_id FROM was WHERE was.id = o.id`, `DROP TABLE was`}},
		"a place that is no shopper's": {want: "I4", detail: "places that are no shopper's", places: true},
		"a cursor past the end of the log": {want: "I5", detail: "cursor 10",
			breaks: []string{`UPDATE log_cursors SET next_offset = next_offset + 1000 WHERE next_offset > 0`},
			mends:  []string{`UPDATE log_cursors SET next_offset = next_offset - 1000 WHERE next_offset > 1000`}},
		"a claim without its verdict": {want: "I5", detail: "1 without a verdict", also: "I1 I7",
			breaks: []string{`CREATE TABLE lost AS SELECT * FROM orders WHERE generation = 1`, `DELETE FROM orders WHERE generation = 1`},
			mends:  []string{`INSERT INTO orders SELECT * FROM lost`, `DROP TABLE lost`}},
		"an order of an older generation changed": {want: "I7", detail: "generation 1: digest",
			breaks: []string{`UPDATE orders SET username = 'other' WHERE generation = 1`},
			mends:  []string{`UPDATE orders SET username = 'john_doe' WHERE generation = 1`}},
		"pressed before the start": {want: "I8", detail: "generation 2: 1 of 2 orders",
			breaks: []string{`UPDATE orders SET pressed_at = pressed_at - interval '1 day' WHERE generation = 2 AND username = 'john_doe'`},
			mends:  []string{`UPDATE orders SET pressed_at = pressed_at + interval '1 day' WHERE generation = 2 AND username = 'john_doe'`}},
		"pressed at the end": {want: "I8", detail: "generation 2: 2 of 2 orders",
			breaks: []string{`CREATE TABLE was AS SELECT id, pressed_at FROM orders`,
				`UPDATE orders SET pressed_at = (SELECT ends_at FROM sales) WHERE generation = 2`},
			mends: []string{`UPDATE orders o SET pressed_at = was.pressed_at FROM was WHERE was.id = o.id`, `DROP TABLE was`}},
		"pressed after the end of an older generation": {want: "I8", detail: "generation 1: 1 of 1 orders",
			breaks: []string{`UPDATE generations SET ends_at = ends_at - interval '1 year' WHERE generation = 1`},
			mends:  []string{`UPDATE generations SET ends_at = ends_at + interval '1 year' WHERE generation = 1`}},
	} {
		tables.run(c.breaks...)
		if c.places {
			must(t, redis.Do(t.Context(), redis.B().Hset().Key(place).FieldValue().FieldValue("nobody", "").Build()).Error())
		}
		tables.wantBroken(o, name, c.want, c.detail, c.also)
		tables.run(c.mends...)
		if c.places {
			must(t, redis.Do(t.Context(), redis.B().Hdel().Key(place).Field("nobody").Build()).Error())
		}
	}
	tables.wantBroken(o, "all of it mended", "", "", "")
}

// What the ledger does not know is unknown, and never called broken.
func TestPressesThatTheLedgerDoesNotKnowAreUnknown(t *testing.T) {
	t.Parallel()
	d, o := traded(t)
	tables := openTables(t, d)
	tables.run(`UPDATE generations SET starts_at = NULL, ends_at = NULL WHERE generation = 1`)
	wants(t, checked(t, o, "I8"), operator.Unknown, "generation 1: its times are not known, 1 orders")
	tables.run(`UPDATE orders SET pressed_at = NULL WHERE generation = 2 AND username = 'john_doe'`)
	wants(t, checked(t, o, "I8"), operator.Unknown, "generation 2: 1 of 2 orders have no time of their press")
	tables.run(`UPDATE orders SET pressed_at = pressed_at - interval '1 day' WHERE generation = 2`)
	wants(t, checked(t, o, "I8"), operator.Broken, "generation 2: 1 of 2 orders were pressed before")
}

// tables are those of a deployment, changed behind the product's back.
type tables struct {
	t    *testing.T
	conn *pgx.Conn
}

func openTables(t *testing.T, d instancetest.Deployment) tables {
	t.Helper()
	cfg, err := pgx.ParseConfig(d.Servers.DatabaseURL)
	must(t, err)
	cfg.RuntimeParams["search_path"] = d.Config.Namespace
	conn, err := pgx.ConnectConfig(t.Context(), cfg)
	must(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return tables{t, conn}
}

func (d tables) run(statements ...string) {
	d.t.Helper()
	for _, sql := range statements {
		if _, err := d.conn.Exec(d.t.Context(), sql); err != nil {
			d.t.Fatalf("%s: %v", sql, err)
		}
	}
}

// wantBroken: verify calls that one broken, and no others but those that are broken with it; "": none.
func (d tables) wantBroken(o *operator.Acts, name, id, detail, also string) {
	d.t.Helper()
	checks, err := o.Verify(d.t.Context())
	must(d.t, err)
	for _, c := range checks {
		switch {
		case c.ID == id && (c.State != operator.Broken || !strings.Contains(c.Detail, detail)):
			d.t.Errorf("%s: %s is %s (%q), want it broken and %q", name, c.ID, c.State, c.Detail, detail)
		case c.ID != id && (c.State == operator.Broken) != strings.Contains(also, c.ID):
			d.t.Errorf("%s: %s is %s (%q)", name, c.ID, c.State, c.Detail)
		case id == "" && c.State != operator.OK && c.ID != "I3" && c.ID != "I6":
			d.t.Errorf("%s: %s is %s (%q)", name, c.ID, c.State, c.Detail)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
