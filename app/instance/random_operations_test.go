package instance

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"flashsale/app/operator"
	"flashsale/events"
	"flashsale/events/consumer"
	"flashsale/inventory"
	"flashsale/sale"
	"flashsale/sale/ledger"
)

// TestAnyOrderOfOperationsKeepsTheInvariants drives one deployment through random operations of shoppers, operators
// and faults, beside a model of what must come out, and checks the ledger after each step.
func TestAnyOrderOfOperationsKeepsTheInvariants(t *testing.T) {
	t.Parallel()
	a := newDeployment(t).start(t)
	c := newClient(t, a.URL())
	if r := c.Call(http.MethodPost, "/api/users/seed", map[string]int{"userCount": 20}); r.Status != http.StatusOK {
		t.Fatalf("seed: %d %s", r.Status, r.Raw)
	}
	rapid.Check(t, func(t *rapid.T) {
		m := &machine{app: a, client: c}
		m.reset(t)
		t.Repeat(map[string]func(*rapid.T){
			"":              m.check,
			"press":         m.press,
			"press again":   m.pressAgain,
			"reset":         m.reset,
			"resize":        m.resize,
			"pause":         m.pause,
			"resume":        m.resume,
			"lose places":   m.losePlaces,
			"old places":    m.oldPlaces,
			"repeat claims": m.repeatClaims,
			"close":         m.close,
			"amend":         m.amend,
			"cancel":        m.cancel,
		})
		m.settled(t)
	})
}

// machine is the model: who owns what receipt, how many units there are, and whether the sale runs.
type machine struct {
	app    *Instance
	client *client
	owners map[string]string
	total  int
	state  string // "open", "paused", "ended"
}

func (m *machine) key() inventory.Key {
	s, _ := m.app.wiring.catalog.Snapshot("")
	return inventory.Key(s.Key())
}

func (m *machine) reset(t *rapid.T) {
	m.total = rapid.IntRange(0, 4).Draw(t, "stock")
	m.post(t, "/api/flash-sale/reset", map[string]bool{"resetToSmallStock": true}, http.StatusOK)
	m.post(t, "/api/flash-sale/update-stock", map[string]int{"stockAmount": m.total}, http.StatusOK)
	m.owners, m.state = map[string]string{}, "open"
}

func (m *machine) post(t *rapid.T, path string, body any, want int) reply {
	r, err := m.client.Try(http.MethodPost, path, body)
	if err != nil || r.Status != want {
		t.Fatalf("POST %s %v: %d %s %v, want %d", path, body, r.Status, r.Raw, err, want)
	}
	return r
}

func (m *machine) press(t *rapid.T) {
	name := shopperName(rapid.IntRange(0, 3).Draw(t, "shopper"))
	r, err := m.client.Try(http.MethodPost, "/api/flash-sale/purchase", map[string]string{"username": name})
	if err != nil {
		t.Fatalf("press: %v", err)
	}
	owned, owns := m.owners[name]
	switch {
	case owns:
		m.expect(t, r, http.StatusOK, "")
		if r.Text("purchaseId") != owned {
			t.Fatalf("%s got the receipt %s, had %s", name, r.Text("purchaseId"), owned)
		}
	case m.state == "ended":
		m.expect(t, r, http.StatusConflict, "/problems/ended")
	case m.state == "paused":
		m.expect(t, r, http.StatusConflict, "/problems/paused")
	case len(m.owners) >= m.total:
		m.expect(t, r, http.StatusConflict, "/problems/sold-out")
	default:
		m.bought(t, name, r)
	}
}

// bought: places that a fault has taken away may need a moment to come back; nothing else may refuse.
func (m *machine) bought(t *rapid.T, name string, r reply) {
	for deadline := time.Now().Add(15 * time.Second); r.Status != http.StatusCreated && time.Now().Before(deadline); {
		if r.Status == http.StatusOK || r.Status == http.StatusConflict && r.Text("type") != "/problems/all-claimed" {
			t.Fatalf("%s with %d of %d sold: %d %s", name, len(m.owners), m.total, r.Status, r.Raw)
		}
		time.Sleep(50 * time.Millisecond)
		r, _ = m.client.Try(http.MethodPost, "/api/flash-sale/purchase", map[string]string{"username": name})
	}
	m.expect(t, r, http.StatusCreated, "")
	m.owners[name] = r.Text("purchaseId")
}

func (m *machine) expect(t *rapid.T, r reply, status int, problem string) {
	if r.Status != status || r.Text("type") != problem {
		t.Fatalf("answered %d %s, want %d %s (owners %v, total %d, %s)", r.Status, r.Raw, status, problem, m.owners, m.total, m.state)
	}
}

func (m *machine) pressAgain(t *rapid.T) {
	if len(m.owners) == 0 {
		t.Skip("nobody owns anything")
	}
	name := rapid.SampledFrom(slices.Sorted(maps.Keys(m.owners))).Draw(t, "owner")
	r, err := m.client.Try(http.MethodPost, "/api/flash-sale/purchase", map[string]string{"username": name})
	if err != nil || r.Status != http.StatusOK || r.Text("purchaseId") != m.owners[name] {
		t.Fatalf("%s again: %d %s %v", name, r.Status, r.Raw, err)
	}
}

func (m *machine) resize(t *rapid.T) {
	n := rapid.IntRange(0, 5).Draw(t, "total")
	if n < len(m.owners) {
		m.post(t, "/api/flash-sale/update-stock", map[string]int{"stockAmount": n}, http.StatusConflict)
		return
	}
	m.post(t, "/api/flash-sale/update-stock", map[string]int{"stockAmount": n}, http.StatusOK)
	m.total = n
}

func (m *machine) pause(t *rapid.T) {
	if m.state != "open" {
		t.Skip("not open")
	}
	m.post(t, "/api/admin/pause", nil, http.StatusOK)
	m.state = "paused"
}

func (m *machine) resume(t *rapid.T) {
	if m.state != "paused" {
		t.Skip("not paused")
	}
	m.post(t, "/api/admin/resume", nil, http.StatusOK)
	m.state = "open"
}

func (m *machine) close(t *rapid.T) {
	if m.state == "ended" {
		t.Skip("has ended")
	}
	m.post(t, "/api/admin/close", nil, http.StatusOK)
	m.state = "ended"
}

// losePlaces: Redis forgets the holders, the limit, or both.
func (m *machine) losePlaces(t *rapid.T) {
	keys := m.redisKeys(t)
	if len(keys) == 0 {
		t.Skip("Redis holds nothing yet")
	}
	lost := rapid.SliceOfNDistinct(rapid.SampledFrom(keys), 1, len(keys), rapid.ID[string]).Draw(t, "lost")
	r := m.app.servers.redis
	if err := r.Do(context.Background(), r.B().Del().Key(lost...).Build()).Error(); err != nil {
		t.Fatalf("del: %v", err)
	}
}

// oldPlaces: Redis comes back with a set of holders in which some owners are missing and strangers stand.
func (m *machine) oldPlaces(t *rapid.T) {
	key := fmt.Sprintf("%s:{%d:%d}:holders", m.app.cfg.Namespace, m.key().Sale, m.key().Generation)
	r := m.app.servers.redis
	ctx := context.Background()
	members, err := r.Do(ctx, r.B().Hkeys().Key(key).Build()).AsStrSlice()
	if err != nil {
		t.Fatalf("read the holders: %v", err)
	}
	if len(members) < 2 {
		t.Skip("no holders")
	}
	gone := rapid.SampledFrom(members).Draw(t, "forgotten")
	stranger := fmt.Sprint(rapid.IntRange(1_000_000, 1_000_003).Draw(t, "stranger"))
	for _, err := range []error{
		r.Do(ctx, r.B().Hdel().Key(key).Field(gone).Build()).Error(),
		r.Do(ctx, r.B().Hset().Key(key).FieldValue().FieldValue(stranger, "").Build()).Error(),
	} {
		if err != nil {
			t.Fatalf("age the holders: %v", err)
		}
	}
}

func (m *machine) redisKeys(t *rapid.T) []string {
	k := m.key()
	base := fmt.Sprintf("%s:{%d:%d}", m.app.cfg.Namespace, k.Sale, k.Generation)
	r := m.app.servers.redis
	var found []string
	for _, key := range []string{base + ":holders", base + ":limit"} {
		n, err := r.Do(context.Background(), r.B().Exists().Key(key).Build()).AsInt64()
		if err != nil {
			t.Fatalf("exists: %v", err)
		}
		if n > 0 {
			found = append(found, key)
		}
	}
	return found
}

// repeatClaims: claims of the log come once more, in the log and directly, as a retrying producer and both paths
// together would bring them.
func (m *machine) repeatClaims(t *rapid.T) {
	ctx := context.Background()
	s, err := m.app.wiring.catalog.Snapshot("")
	if err != nil {
		t.Fatal(err)
	}
	var claims []events.Claim
	findings := m.app.wiring.ledger.Verify(ctx, func(_ context.Context, batch []events.Claim) (consumer.Unaccounted, error) {
		for _, c := range batch {
			if c.Kind == events.KindClaim && (sale.Key{Sale: c.SaleID, Generation: c.Generation}) == s.Key() {
				claims = append(claims, c)
			}
		}
		return consumer.Unaccounted{}, nil
	})
	for _, f := range findings {
		if f.Unread != nil {
			t.Fatalf("read the log: %v", f.Unread)
		}
	}
	if len(claims) == 0 {
		t.Skip("no claims in this generation")
	}
	claim := rapid.SampledFrom(claims).Draw(t, "claim")
	if _, err := m.app.servers.log.Append(ctx, s.Partition, []events.Claim{claim, claim}); err != nil {
		t.Fatalf("append: %v", err)
	}
	if _, err := m.app.wiring.ledger.Decide(ctx, []events.Claim{claim}); err != nil {
		t.Fatalf("decide: %v", err)
	}
}

// check compares the ledger with the model.
func (m *machine) check(t *rapid.T) {
	ctx := context.Background()
	var counts []ledger.Count
	err := pgx.BeginFunc(ctx, m.app.wiring.servers.pool, func(tx pgx.Tx) (err error) {
		counts, err = m.app.wiring.sales.CountsTx(ctx, tx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	k := sale.Key(m.key())
	for _, c := range counts {
		if c.Key != k {
			continue
		}
		if int(c.Live) != len(m.owners) || c.Shoppers != c.Live || c.Units != c.Live {
			t.Fatalf("the ledger has %d orders of %d shoppers on %d units; %d receipts were given", c.Live, c.Shoppers, c.Units, len(m.owners))
		}
	}
	if s := m.status(t); int(s.Number("maxStock")) != m.total || int(s.Number("sold")) != len(m.owners) {
		t.Fatalf("the status shows %s; want %d of %d", s.Raw, len(m.owners), m.total)
	}
}

func (m *machine) status(t *rapid.T) reply {
	r, err := m.client.Try(http.MethodGet, "/api/flash-sale/status", nil)
	if err != nil || r.Status != http.StatusOK {
		t.Fatalf("status: %d %s %v", r.Status, r.Raw, err)
	}
	return r
}

// settled: every invariant holds, also those that need a moment.
func (m *machine) settled(t *rapid.T) {
	checks, err := m.app.wiring.acts.Verify(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range checks {
		if c.State == operator.Broken {
			t.Fatalf("%s broken: %s", c.ID, c.Detail)
		}
	}
}
