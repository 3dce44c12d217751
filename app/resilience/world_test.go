//go:build unix

package resilience

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/rueidis"
	"github.com/segmentio/kafka-go"

	"flashsale/inventory"
	"flashsale/users"
)

// full says that every row runs, with one instance and with three.
func full() bool { return os.Getenv("FLASHSALE_RESILIENCE") == "full" }

// settings are where a row's servers are: the addresses for the product, and those past every proxy for the tests.
type settings struct {
	database, redis, kafka       string
	realDatabase, realRedis, log string
	// first starts the first instance, if it differs from the others.
	first func(t *testing.T, env ...string) *process
	// env are more settings of the product.
	env []string
	// descriptors is how many each instance may have; 0: as many as the machine allows.
	descriptors int
}

// world is one row under way: instances of the product, their servers, and the shoppers.
type world struct {
	t            *testing.T
	namespace    string
	settings     settings
	instances    []*process
	shoppers     *shoppers
	pool         *pgxpool.Pool
	redis        rueidis.Client
	report       *report
	observer     *stockObserver // nil: the stock is not observed
	stock        int
	shopperCount int
	next         int // the first shopper who has not asked
	// names is the name of the n-th shopper, from 1; nil: of the series.
	names func(n int) string
}

// name is that of the n-th shopper, from 1, who may purchase.
func (w *world) name(n int) string {
	if w.names != nil {
		return w.names(n)
	}
	return users.AbleName(n)
}

// newWorld starts the product on these servers, with a sale of that many units.
func newWorld(t *testing.T, r *report, s settings, stock, shopperCount int) *world {
	t.Helper()
	w := &world{t: t, report: r, settings: s, stock: stock, shopperCount: shopperCount, shoppers: newShoppers(t),
		namespace: fmt.Sprintf("r%s_%s", strings.ToLower(r.id), strconv.FormatUint(rand.Uint64(), 36))}
	w.connect()
	t.Cleanup(w.removeTraces)
	for range r.instances {
		w.instances = append(w.instances, w.instance())
	}
	t.Cleanup(func() {
		if t.Failed() {
			for i, p := range w.instances {
				t.Logf("instance %d said:\n%s", i, p.log)
			}
		}
	})
	prepare(t, w.shoppers, w.instances[0].url, stock, shopperCount)
	w.awaitTotal(stock)
	w.observeStock()
	return w
}

// instance starts one more process of the product.
func (w *world) instance() *process {
	w.t.Helper()
	env := []string{"DATABASE_URL=" + w.settings.database, "REDIS_URL=" + w.settings.redis,
		"KAFKA_BROKERS=" + w.settings.kafka, "NAMESPACE=" + w.namespace}
	env = append(env, w.settings.env...)
	if len(w.instances) == 0 && w.settings.first != nil {
		return w.settings.first(w.t, env...)
	}
	if w.settings.descriptors > 0 {
		return limited(w.t, w.settings.descriptors, env...)
	}
	return launch(w.t, freePort(w.t), env...)
}

func (w *world) connect() {
	w.t.Helper()
	ctx := context.Background()
	config, err := pgxpool.ParseConfig(w.settings.realDatabase)
	if err != nil {
		w.t.Fatal(err)
	}
	config.MaxConns = 4
	config.ConnConfig.RuntimeParams["search_path"] = w.namespace
	if w.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(w.pool.Close)
	w.redis, err = rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{hostOf(w.t, w.settings.realRedis)},
		DisableCache: true, ForceSingleClient: true})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(w.redis.Close)
}

// removeTraces removes everything of the row from servers that other rows use too.
func (w *world) removeTraces() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for _, p := range w.instances {
		p.kill()
	}
	w.remove(ctx, w.namespace)
}

// remove deletes a namespace that no instance uses any more.
func (w *world) remove(ctx context.Context, namespace string) {
	_, _ = w.pool.Exec(ctx, "DROP SCHEMA IF EXISTS "+namespace+" CASCADE")
	if keys, err := w.redis.Do(ctx, w.redis.B().Keys().Pattern(namespace+":*").Build()).AsStrSlice(); err == nil && len(keys) > 0 {
		_ = w.redis.Do(ctx, w.redis.B().Unlink().Key(keys...).Build()).Error()
	}
	client, done := w.kafka()
	defer done()
	_, _ = client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{namespace + ".claims", namespace + ".events"}})
}

// kafka is a client past every proxy.
func (w *world) kafka() (*kafka.Client, func()) {
	transport := &kafka.Transport{}
	return &kafka.Client{Addr: kafka.TCP(w.settings.log), Transport: transport, Timeout: 10 * time.Second}, transport.CloseIdleConnections
}

// anywhere is the address of one of the instances.
func (w *world) anywhere() string { return w.instances[rand.IntN(len(w.instances))].url }

// awaitTotal waits until every instance shows the stock.
func (w *world) awaitTotal(stock int) {
	w.t.Helper()
	for _, p := range w.instances {
		w.eventually(patience, "every instance shows the stock", func() bool {
			a := w.shoppers.send(context.Background(), http.MethodGet, p.url+"/api/flash-sale/status", "")
			var s struct{ MaxStock int }
			return json.Unmarshal([]byte(a.Raw), &s) == nil && s.MaxStock == stock
		})
	}
}

// eventually waits for what is to become true, and returns how long that took.
func (w *world) eventually(patience time.Duration, what string, is func() bool) time.Duration {
	w.t.Helper()
	began := time.Now()
	for !is() {
		if time.Since(began) > patience {
			w.t.Fatalf("not within %v: %s", patience, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(began)
}

// ready says whether the instance's probes find that server, which is named as in /readyz.
func (w *world) ready(p *process, server string) bool { return w.probed(p)[server] }

// complete says whether the instance's probes find every server.
func (w *world) complete(p *process) bool {
	found := w.probed(p)
	for _, ok := range found {
		if !ok {
			return false
		}
	}
	return len(found) > 0
}

// probed is which servers the instance's probes find. Only operators are told.
func (w *world) probed(p *process) map[string]bool {
	a := w.shoppers.send(context.Background(), http.MethodGet, p.ops+"/readyz", "")
	var d struct {
		Dependencies []struct {
			Name string
			OK   bool
		}
	}
	found := make(map[string]bool)
	if json.Unmarshal([]byte(a.Raw), &d) != nil {
		return found
	}
	for _, one := range d.Dependencies {
		found[one.Name] = one.OK
	}
	return found
}

// offered fails the test when an instance is not ready because a server is away: all instances share that server, so a load
// balancer must not remove them.
func (w *world) offered() {
	w.t.Helper()
	for i, p := range w.instances {
		if a := w.shoppers.send(context.Background(), http.MethodGet, p.url+"/readyz", ""); a.Status != http.StatusOK {
			w.t.Errorf("while a server is away, /readyz of instance %d answers %d %s", i, a.Status, a.Raw)
		}
	}
}

// everywhere is true when it is true of every instance.
func (w *world) everywhere(is func(*process) bool) bool {
	for _, p := range w.instances {
		if !is(p) {
			return false
		}
	}
	return true
}

// metric sums the values of an instance's metric, whose labels may be given in part.
func (w *world) metric(p *process, name string) float64 {
	a := w.shoppers.send(context.Background(), http.MethodGet, p.ops+"/metrics", "")
	var sum float64
	lines := bufio.NewScanner(strings.NewReader(a.Raw))
	for lines.Scan() {
		rest, ok := strings.CutPrefix(lines.Text(), name)
		if !ok || rest == "" || rest[0] != ' ' && rest[0] != '{' && !strings.Contains(name, "{") {
			continue
		}
		if v, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64); err == nil {
			sum += v
		}
	}
	return sum
}

func (w *world) metrics(name string) (sum float64) {
	for _, p := range w.instances {
		sum += w.metric(p, name)
	}
	return sum
}

// number asks Postgres for one.
func (w *world) number(query string, args ...any) int64 {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var n int64
	if err := w.pool.QueryRow(ctx, query, args...).Scan(&n); err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
	return n
}

// sale is the current sale and generation.
func (w *world) sale() inventory.Key {
	w.t.Helper()
	return inventory.Key{Sale: w.number("SELECT id FROM sales ORDER BY id LIMIT 1"),
		Generation: w.number("SELECT generation FROM sales ORDER BY id LIMIT 1")}
}

// owners are the users with a live order.
func (w *world) owners(k inventory.Key) []int64 {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var owners []int64
	err := w.pool.QueryRow(ctx, `SELECT coalesce(array_agg(user_id), '{}') FROM orders
		WHERE sale_id = $1 AND generation = $2 AND released_at IS NULL`, k.Sale, k.Generation).Scan(&owners)
	if err != nil {
		w.t.Fatal(err)
	}
	return owners
}

// ownersWithoutPlace is how many owners have no place in Redis; -1 when Redis does not answer.
func (w *world) ownersWithoutPlace(k inventory.Key, owners []int64) int {
	return w.ownersWithoutPlaceIn(w.redis, k, owners)
}

func (w *world) ownersWithoutPlaceIn(client rueidis.Client, k inventory.Key, owners []int64) int {
	places := inventory.NewPlaces(client, inventory.PlacesConfig{Namespace: w.namespace})
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	missing, _, err := places.Compare(ctx, k, owners)
	if err != nil {
		return -1
	}
	return len(missing)
}
