//go:build unix

package resilience

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/rueidis"

	"flashsale/app/embedded/embeddedtest"
	"flashsale/inventory"
)

// cluster is a Redis Cluster of three primaries, each with a third of the slots.
type cluster struct {
	nodes []*server
	hosts []string
}

const slots = 16384

func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{}
	var buses []string
	for range 3 {
		dir, err := shared.folder("node")
		if err != nil {
			t.Fatal(err)
		}
		bus, err := embeddedtest.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		// When a slot is not served, only requests for its keys may fail.
		node, address, err := newRedis(dir, "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-port", strconv.Itoa(bus),
			"--cluster-node-timeout", "2000", "--cluster-require-full-coverage", "no")
		installed(t, err)
		start(t, node)
		c.nodes, c.hosts, buses = append(c.nodes, node), append(c.hosts, hostOf(t, address)), append(buses, strconv.Itoa(bus))
	}
	first, port, err := net.SplitHostPort(c.hosts[0])
	if err != nil {
		t.Fatal(err)
	}
	for i := range c.nodes {
		c.do(t, i, "CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(i*slots/3), strconv.Itoa((i+1)*slots/3-1))
		if i > 0 {
			c.do(t, i, "CLUSTER", "MEET", first, port, buses[0])
		}
	}
	c.whole(t)
	return c
}

// do asks one node.
func (c *cluster) do(t *testing.T, node int, words ...string) string {
	t.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: c.hosts[node : node+1], DisableCache: true, ForceSingleClient: true})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	said, err := client.Do(context.Background(), client.B().Arbitrary(words[0]).Args(words[1:]...).Build()).ToAny()
	if err != nil {
		t.Fatalf("%v: %v", words, err)
	}
	return fmt.Sprint(said)
}

// whole waits until every node knows who serves every slot.
func (c *cluster) whole(t *testing.T) {
	t.Helper()
	for i := range c.nodes {
		for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			said := c.do(t, i, "CLUSTER", "INFO")
			if strings.Contains(said, "cluster_state:ok") && strings.Contains(said, "cluster_slots_ok:16384") && strings.Contains(said, "cluster_known_nodes:3") {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("node %d says\n%s", i, said)
			}
		}
	}
}

// node is the one that serves the slot of a sale's keys.
func (c *cluster) node(t *testing.T, sale, generation int64) int {
	t.Helper()
	slot, err := strconv.Atoi(c.do(t, 0, "CLUSTER", "KEYSLOT", fmt.Sprintf("{%d:%d}", sale, generation)))
	if err != nil {
		t.Fatal(err)
	}
	for i := range c.nodes {
		if slot < (i+1)*slots/3 {
			return i
		}
	}
	return len(c.nodes) - 1
}

// another makes a second sale whose keys are on another node than the first's. No command makes a second sale yet, so its rows
// are copied from the first's.
func (w *world) another(c *cluster, units int64) *world {
	w.t.Helper()
	first := w.sale()
	second := inventory.Key{Sale: first.Sale + 1, Generation: 1}
	for c.node(w.t, second.Sale, second.Generation) == c.node(w.t, first.Sale, first.Generation) {
		second.Sale++
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	err := pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO sales (id, slug, state, starts_at, ends_at, partition, secret)
			SELECT $2, 'second', state, starts_at, ends_at, (partition + 1) % 8, sha256(secret) FROM sales WHERE id = $1`, first.Sale, second.Sale)
		_, productErr := tx.Exec(ctx, `INSERT INTO products SELECT $2, name, description, details, specification, important_info, images,
			price_minor, discount_minor, currency_code, currency_symbol FROM products WHERE sale_id = $1`, first.Sale, second.Sale)
		_, generationErr := tx.Exec(ctx, `INSERT INTO generations (sale_id, generation, total) VALUES ($1, 1, $2)`, second.Sale, units)
		_, stockErr := inventory.NewStore(w.pool).BeginTx(ctx, tx, second, units, 1)
		return errors.Join(err, productErr, generationErr, stockErr)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	other := &world{t: w.t, namespace: w.namespace, settings: w.settings, instances: w.instances, pool: w.pool, redis: w.redis,
		report: w.report, stock: int(units), shopperCount: w.shopperCount, shoppers: newShoppers(w.t)}
	other.shoppers.sale = "/api/sales/second"
	w.eventually(30*time.Second, "every instance knows the second sale", func() bool {
		return w.everywhere(func(p *process) bool {
			return other.shoppers.send(ctx, "GET", p.url+other.shoppers.sale+"/status", "").Status == 200
		})
	})
	return other
}

// nodeKilled: the sale whose keys were on the node goes on as without Redis, the other sale is not affected.
func nodeKilled(t *testing.T, r *report) {
	c := newCluster(t)
	s := plain(t)
	s.redis, s.realRedis = "redis://"+strings.Join(c.hosts, ","), "redis://"+c.hosts[0]
	w := newWorld(t, r, s, stock, shopperCount)
	w.redis.Close()
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: c.hosts, DisableCache: true})
	if err != nil {
		t.Fatal(err)
	}
	w.redis = client
	t.Cleanup(client.Close)
	key := w.sale()
	victim := c.nodes[c.node(t, key.Sale, key.Generation)]
	other := w.another(c, stock)
	l := other.pressing(rate / 2)
	var untouched int64
	healed := w.during(rate/2, func() func() {
		other.shoppers.forgetSlowest()
		untouched = int64(other.shoppers.tally()["201"])
		_ = victim.stop(syscall.SIGKILL)
		return func() {}
	}, func(began time.Time) int64 {
		w.eventually(10*time.Second, "the breaker opens", func() bool { return w.everywhere(w.redisAway) })
		r.within(t, "breaker", time.Since(began), 250*time.Millisecond)
		hits := w.keepFault(lasting(6*time.Second, 4*time.Second), w.redisAway)
		untouched = int64(other.shoppers.tally()["201"]) - untouched
		r.within(t, "slowest answer of the other sale", other.shoppers.slowestSoFar(), time.Second)
		owners := w.owners(key)
		if err := victim.start(); err != nil {
			t.Fatal(err)
		}
		c.whole(t) // a node that has just started serves nothing until the others know of it
		took := w.eventually(30*time.Second, "owners have their places back", func() bool { return w.ownersWithoutPlace(key, owners) == 0 })
		r.within(t, "owners have places", took, 2*time.Second)
		return hits
	})
	l.stop()
	r.note("the other sale sold %d meanwhile", untouched)
	if untouched == 0 {
		t.Error("nobody bought in the other sale; the row proves nothing of it")
	}
	c.whole(t)
	w.settled(healed, 30*time.Second)
	for outcome, n := range other.shoppers.tally() {
		if outcome != "200" && outcome != "201" {
			t.Errorf("%d answers of the other sale were %q", n, outcome)
		}
	}
	w.verified()
	for _, one := range []*world{w, other} {
		one.assertInPostgres()
		assertPromisesKept(t, one.shoppers, one.anywhere())
		sellOut(t, one.shoppers, one.anywhere(), one.stock, one.shopperCount)
		one.assertInPostgres()
	}
	if sold := w.number("SELECT count(*) FROM orders WHERE released_at IS NULL"); sold != 2*stock {
		t.Errorf("%d live orders for twice %d units", sold, stock)
	}
	w.verified()
	w.assertOutcomes("503 overloaded", "503 not-bought-retry")
}
