//go:build unix

package resilience

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	// killTestInstances is how many instances serve the sale in which one is killed after the other.
	killTestInstances = 3
	// killTestShoppers is how many shoppers there are, and units: so many that the points of a purchase are always reached.
	killTestShoppers = 4000
	// least is how many purchases are in flight at least when an instance is killed.
	least = 50
)

// killTest is a sale served by three instances with points, under load, in which they are killed and started again.
type killTest struct {
	*world
	pressing *pressingShoppers
	switches []*pointControl
	ports    []int

	pending sync.WaitGroup // provocations and bursts under way
}

func newKillTest(t *testing.T) *killTest {
	t.Helper()
	w := &world{t: t, report: &report{id: "A1", instances: killTestInstances}, settings: plain(t), stock: killTestShoppers, shopperCount: killTestShoppers,
		shoppers: newShoppers(t), namespace: fmt.Sprintf("ra1_%x", rand.Uint64())}
	a := &killTest{world: w}
	w.connect()
	t.Cleanup(w.removeTraces)
	for i := range killTestInstances {
		a.ports, a.switches = append(a.ports, freePort(t)), append(a.switches, newPointControl(t))
		w.instances = append(w.instances, nil)
		a.startInstance(i)
	}
	t.Cleanup(func() {
		if t.Failed() {
			for i, p := range w.instances {
				t.Logf("instance %d said:\n%s", i, p.log)
			}
		}
	})
	prepare(t, w.shoppers, w.instances[0].url, w.stock, w.shopperCount)
	w.awaitTotal(w.stock)
	a.pressing = newPressingShoppers(w, a.everywhereURLs()...)
	t.Cleanup(func() {
		a.pressing.stop()
		a.pending.Wait()
	})
	return a
}

// startInstance starts an instance at its address, and returns when it is ready.
func (a *killTest) startInstance(i int) {
	a.t.Helper()
	startUntilReady(a.t, func() *process { return a.spawn(i) })
}

// startUntilReady starts an instance again until it is ready, as a supervisor does: on a busy machine a server may not answer
// within the time that a start allows.
func startUntilReady(t *testing.T, start func() *process) *process {
	t.Helper()
	for began := time.Now(); ; {
		p := start()
		if time.Since(began) > patience {
			p.await(t)
			return p
		}
		select {
		case <-p.ready:
			return p
		case err := <-p.exit:
			p.exit <- err
			t.Logf("an instance ended at its start: %v\n%s", err, p.log)
		}
	}
}

func (a *killTest) spawn(i int, set ...string) *process {
	a.t.Helper()
	program, err := pointed()
	if err != nil {
		a.t.Fatal(err)
	}
	a.instances[i] = spawn(a.t, program, a.ports[i], append(a.switches[i].environment(set...), a.environment(a.namespace)...)...)
	return a.instances[i]
}

func (a *killTest) environment(namespace string) []string {
	return []string{"DATABASE_URL=" + a.settings.database, "REDIS_URL=" + a.settings.redis,
		"KAFKA_BROKERS=" + a.settings.kafka, "NAMESPACE=" + namespace, "LOG_LEVEL=warn"}
}

// beside runs a function that ends by itself in the background.
func (a *killTest) beside(do func()) { a.pending.Go(do) }

// act does an operator's act on an instance and ignores the answer, because the instance may be killed meanwhile.
func (a *killTest) act(ctx context.Context, instance int, path, body string) {
	a.shoppers.send(ctx, http.MethodPost, "http://"+loopback(a.ports[instance])+path, body)
}

// consumed is how far the ledger has read the sale's part of the log.
func (a *killTest) consumed() int64 {
	return a.number("SELECT coalesce(max(next_offset), 0) FROM log_cursors WHERE partition = (SELECT partition FROM sales ORDER BY id LIMIT 1)")
}

// calm waits until the log is consumed: after a kill the group is without a consumer for some seconds.
func (a *killTest) calm() {
	from := a.consumed()
	a.eventually(patience, "the log is consumed", func() bool { return a.consumed() > from })
}

// checkSince checks what can be checked under load: the counts of each generation, and that every receipt given since the last
// check is in Postgres.
func (a *killTest) checkSince() {
	a.t.Helper()
	a.inPostgres(a.pressing.fresh())
	if n := a.number(`SELECT count(*) FROM stock s, LATERAL (SELECT count(*) live, count(DISTINCT user_id) shoppers, count(DISTINCT unit) units
		FROM orders o WHERE o.sale_id = s.sale_id AND o.generation = s.generation AND o.released_at IS NULL) o
		WHERE NOT (s.taken = o.live AND o.live = o.shoppers AND o.live = o.units AND s.taken <= s.total)`); n != 0 {
		a.t.Errorf("the counts of %d generations do not match their orders", n)
	}
}

// inPostgres reads receipts in Postgres, past the product: each is an order, of the shopper who was given it.
func (a *killTest) inPostgres(given map[string]string) {
	a.t.Helper()
	ids := make([]string, 0, len(given))
	for id := range given {
		ids = append(ids, id)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	rows, err := a.pool.Query(ctx, "SELECT id::text, username FROM orders WHERE released_at IS NULL AND id = ANY($1::text[]::uuid[])", ids)
	if err != nil {
		a.t.Fatal(err)
	}
	defer rows.Close()
	owner := map[string]string{}
	for rows.Next() {
		var id, name string
		if err := rows.Scan(&id, &name); err != nil {
			a.t.Fatal(err)
		}
		owner[id] = name
	}
	if err := rows.Err(); err != nil {
		a.t.Fatal(err)
	}
	for id, name := range given {
		if !strings.EqualFold(owner[id], name) {
			a.t.Errorf("%s was given the receipt %s, which in Postgres is %q's", name, id, owner[id])
		}
	}
}

// audit checks everything while no purchase is under way: all verdicts are there, all invariants hold on every instance, every
// receipt ever given is in Postgres, and its owner gets it again.
func (a *killTest) audit() {
	a.t.Helper()
	a.pressing.stop()
	a.pending.Wait()
	a.settled(time.Now(), patience)
	a.verified()
	a.checkSince()
	a.inPostgres(a.pressing.given())
	for id, name := range a.latest(60) {
		if r := a.shoppers.press(context.Background(), a.anywhere(), name); r.Status != http.StatusOK || r.Receipt != id {
			a.t.Errorf("%s has the receipt %s and is answered %d %s", name, id, r.Status, r.Raw)
		}
	}
	if !a.t.Failed() {
		a.pressing.start()
	}
}

// latest is some receipts of the present generation that were given, with their shoppers.
func (a *killTest) latest(most int) map[string]string {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	given, some := a.pressing.given(), map[string]string{}
	var ids []string
	if err := a.pool.QueryRow(ctx, `SELECT coalesce(array_agg(id::text), '{}') FROM orders WHERE released_at IS NULL
		AND generation = (SELECT max(generation) FROM sales)`).Scan(&ids); err != nil {
		a.t.Fatal(err)
	}
	for _, id := range ids {
		if name, ok := given[id]; ok && len(some) < most {
			some[id] = name
		}
	}
	return some
}

// finish begins a last generation, which is sold out: each unit once.
func (a *killTest) finish() {
	a.t.Helper()
	a.pressing.stop()
	a.operate("/api/flash-sale/reset", `{"resetToSmallStock":false}`, http.StatusOK)
	a.operate("/api/flash-sale/update-stock", `{"stockAmount":150}`, http.StatusOK)
	a.stock, a.shopperCount = 150, 250
	a.awaitGeneration()
	seen := a.shoppers
	a.shoppers = newShoppers(a.t)
	a.kept()
	a.shoppers = seen
	a.inPostgres(a.pressing.given())
	a.assertOutcomes("reset", "refused", "503 not-bought-retry", "503 overloaded", "409 paused", "409 ended", "409 generation-changed")
	a.t.Logf("answers: %s", counted(a.report.statuses))
}

// awaitGeneration waits until every instance sells the newest generation: until then one answers with the receipts of
// the generation before, for as long as its lease.
func (a *killTest) awaitGeneration() {
	a.t.Helper()
	newest := a.sale().Generation
	for _, p := range a.instances {
		a.eventually(patience, "every instance has the newest generation with its stock", func() bool {
			said := a.shoppers.send(context.Background(), http.MethodGet, p.url+"/api/flash-sale/status", "")
			var now struct {
				MaxStock   int
				Generation int64
			}
			return json.Unmarshal([]byte(said.Raw), &now) == nil && now.Generation == newest && now.MaxStock == a.stock
		})
	}
}

// kept, for a generation of its own: orders of older ones are not counted.
func (a *killTest) kept() {
	a.t.Helper()
	a.verified()
	sellOut(a.t, a.shoppers, a.anywhere(), a.stock, a.shopperCount)
	if sold := a.number("SELECT count(*) FROM orders WHERE released_at IS NULL AND generation = (SELECT max(generation) FROM sales)"); sold != int64(a.stock) {
		a.t.Errorf("%d live orders for %d units", sold, a.stock)
	}
	if promised := len(a.shoppers.promised()); promised != a.stock {
		a.t.Errorf("%d receipts were given for %d units", promised, a.stock)
	}
	assertPromisesKept(a.t, a.shoppers, a.anywhere())
	a.verified()
}

// owned are some users who own a unit.
func (a *killTest) owned(most int) []int64 {
	owners := a.owners(a.sale())
	return owners[:min(len(owners), most)]
}
