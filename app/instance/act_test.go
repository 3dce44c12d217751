package instance

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"flashsale/events/audit"

	"github.com/jackc/pgx/v5/pgxpool"
)

// anotherSale opens a sale beside the first. The first stays the current one while it is open.
func anotherSale(t *testing.T, pool *pgxpool.Pool, slug string) {
	t.Helper()
	for _, sql := range []string{
		`INSERT INTO sales (slug, state, starts_at, ends_at, partition, secret)
			SELECT '` + slug + `', 'open', starts_at, ends_at, partition, secret FROM sales WHERE slug = 'flash-sale'`,
		`INSERT INTO products SELECT (SELECT id FROM sales WHERE slug = '` + slug + `'), name, description, details, specification,
			important_info, images, price_minor, discount_minor, currency_code, currency_symbol FROM products
			WHERE sale_id = (SELECT id FROM sales WHERE slug = 'flash-sale')`,
		`INSERT INTO generations (sale_id, generation, total) SELECT id, 1, 70 FROM sales WHERE slug = '` + slug + `'`,
		`INSERT INTO stock (sale_id, generation, total, version) SELECT id, 1, 70, 1 FROM sales WHERE slug = '` + slug + `'`,
	} {
		if _, err := pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
}

// Closing a sale makes another one the current sale. The answer then showed that other sale, which was a fault.
func TestAnActOnTheCurrentSaleSpeaksOfThatSale(t *testing.T) {
	t.Parallel()
	a := newDeployment(t).start(t)
	c := newClient(t, a.URL())
	anotherSale(t, a.wiring.servers.pool, "second")
	if err := a.wiring.catalog.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := c.Call(http.MethodPost, "/api/admin/close", nil)
	if r.Status != http.StatusOK || !slices.Contains([]string{"closing", "closed"}, r.Text("state")) || r.Text("status") != "ended" {
		t.Errorf("the sale that was closed is said to be %s", r.Raw)
	}
	recent, err := a.wiring.audit.Recent(t.Context(), 1)
	if err != nil || len(recent) != 1 || recent[0].Action != "sale.close" || recent[0].Subject != "flash-sale" {
		t.Errorf("the audit log says %+v (%v)", recent, err)
	}
	if now := c.Status(); now.Text("slug") != "second" || now.Text("status") != "active" {
		t.Errorf("the current sale is %s", now.Raw)
	}
}

// The database went away after the commit, before this process had read the result. The operator was told that it was not
// available and to try again, although the act was done.
func TestAnActThatIsCommittedIsAnsweredThoughItCannotBeShown(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	proxy := through(t, &d)
	a := d.start(t)
	c := newClient(t, a.URL())
	proxy.at("sale.stock", thenAway)
	r := c.Call(http.MethodPost, "/api/flash-sale/update-stock", map[string]int{"stockAmount": 42})
	if !proxy.back() {
		t.Fatal("the proxy has seen no commit")
	}
	if r.Status != http.StatusOK || r.Number("stockAmount") != 42 {
		t.Errorf("a committed act is answered %d %s", r.Status, r.Raw)
	}
}

func TestAnActWhoseCommitGetsNoAnswer(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	proxy := through(t, &d)
	c := newClient(t, d.start(t).URL())
	stock := func(n int, how breakage, fields ...string) reply {
		proxy.at("sale.stock", how)
		r := c.Act(http.MethodPost, "/api/flash-sale/update-stock", map[string]int{"stockAmount": n}, fields...)
		if !proxy.back() {
			t.Fatal("the proxy has seen no commit")
		}
		return r
	}
	// The server says whether the act was done.
	stock(41, beforeSent).Is(t, http.StatusServiceUnavailable, "unavailable")
	if r := c.Act(http.MethodPost, "/api/admin/pause", nil); r.Figure("before", "total") != 5 {
		t.Errorf("an act that was not done has changed the sale: %s", r.Raw)
	}
	r := stock(42, answerLost)
	if r.Is(t, http.StatusOK, ""); r.Figure("after", "total") != 42 {
		t.Errorf("the act was done, and is answered %s", r.Raw)
	}
	// It is not known whether the act was done, until the same request is repeated.
	const key = "Idempotency-Key: monday"
	r = stock(43, lostAndAway, key)
	if r.Is(t, http.StatusGatewayTimeout, "outcome-unknown"); !strings.Contains(r.Text("message"), "Idempotency-Key") {
		t.Errorf("nothing is said of the key: %s", r.Raw)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		r = c.Act(http.MethodPost, "/api/flash-sale/update-stock", map[string]int{"stockAmount": 43}, key)
		if r.Status == http.StatusOK || time.Now().After(deadline) {
			break
		}
	}
	if r.Is(t, http.StatusOK, ""); r.Figure("before", "total") != 42 || r.Figure("after", "total") != 43 {
		t.Errorf("the repeat is answered %s", r.Raw)
	}
}

func TestAnActIsDoneOnceForAKey(t *testing.T) {
	t.Parallel()
	a := newDeployment(t).start(t)
	c := newClient(t, a.URL())
	for _, act := range []struct {
		method, path  string
		body, another any
	}{
		{http.MethodPost, "/api/flash-sale/reset", map[string]bool{"resetToSmallStock": true}, map[string]bool{"resetToSmallStock": false}},
		{http.MethodPost, "/api/flash-sale/update-stock", map[string]int{"stockAmount": 9}, map[string]int{"stockAmount": 8}},
		{http.MethodPost, "/api/users/seed", map[string]int{"userCount": 30}, map[string]int{"userCount": 31}},
		{http.MethodPost, "/api/admin/pause", nil, map[string]int{"other": 1}},
		{http.MethodPatch, "/api/admin/sales/flash-sale", map[string]int{"stock": 12}, map[string]int{"stock": 13}},
	} {
		fields := []string{"Idempotency-Key: key of " + act.path, "If-Match: *"}
		first := c.Act(act.method, act.path, act.body, fields...)
		first.Is(t, http.StatusOK, "")
		before := a.audited(t)
		again := c.Act(act.method, act.path, act.body, fields...)
		if again.Status != first.Status || again.Raw != first.Raw || again.Header.Get("ETag") != first.Header.Get("ETag") {
			t.Errorf("%s: answered %d %s, then %d %s", act.path, first.Status, first.Raw, again.Status, again.Raw)
		}
		c.Act(act.method, act.path, act.another, fields...).Is(t, http.StatusUnprocessableEntity, "key-reused")
		c.Act(http.MethodPost, "/api/admin/close", act.body, fields...).Is(t, http.StatusUnprocessableEntity, "key-reused")
		if now := a.audited(t); now != before {
			t.Errorf("%s: a repeat was recorded as an act", act.path)
		}
	}
}

// audited is how many acts are recorded that were done.
func (a *Instance) audited(t *testing.T) int {
	t.Helper()
	all, err := a.wiring.audit.Recent(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	return len(slices.DeleteFunc(all, func(r audit.Recorded) bool { return r.Action == audit.Refused })) // those are written down a little later
}

// lockRows keeps rows locked in a transaction until the function is called.
func (a *Instance) lockRows(t *testing.T, sql string) (release func()) {
	t.Helper()
	tx, err := a.wiring.servers.pool.Begin(t.Context())
	if err == nil {
		_, err = tx.Exec(t.Context(), sql)
	}
	if err != nil {
		t.Fatal(err)
	}
	return sync.OnceFunc(func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) })
}

func TestAKeyWhoseActIsUnderWay(t *testing.T) {
	t.Parallel()
	a := newDeployment(t).start(t)
	c := newClient(t, a.URL())
	release := a.lockRows(t, `SELECT FROM products FOR UPDATE`)
	defer release()
	first := make(chan reply, 1)
	go func() { first <- c.Act(http.MethodPost, "/api/admin/pause", nil, "Idempotency-Key: k") }()
	// It waits for the row lock and has the key.
	locked := `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database
		WHERE datname = current_database()) AND pid IN (SELECT pid FROM pg_locks WHERE NOT granted)`
	for n := 0; n == 0; time.Sleep(time.Millisecond) {
		if err := a.wiring.servers.pool.QueryRow(t.Context(), locked).Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
	c.Act(http.MethodPost, "/api/admin/pause", nil, "Idempotency-Key: k").Is(t, http.StatusConflict, "key-running")
	release()
	(<-first).Is(t, http.StatusOK, "")
	c.Act(http.MethodPost, "/api/admin/pause", nil, "Idempotency-Key: k").Is(t, http.StatusOK, "")
}

// When an act waited too long for a lock other than the sale's, the answer was 500. It is "busy" for every lock.
func TestAnActThatWaitsForALockTooLongIsBusy(t *testing.T) {
	t.Parallel()
	a := newDeployment(t).start(t)
	c := newClient(t, a.URL())
	for _, locked := range []string{`SELECT FROM products FOR UPDATE`, `SELECT FROM stock FOR UPDATE`, `SELECT FROM sales FOR UPDATE`} {
		release := a.lockRows(t, locked)
		r := c.Act(http.MethodPost, "/api/admin/pause", nil)
		release()
		if r.Is(t, http.StatusConflict, "busy"); r.Status != http.StatusConflict {
			t.Errorf("while another transaction has locked with %s", locked)
		}
	}
	c.Act(http.MethodPost, "/api/admin/pause", nil).Is(t, http.StatusOK, "")
}

func TestActsNameTheRevisionThatTheyHaveSeen(t *testing.T) {
	t.Parallel()
	c := newClient(t, newDeployment(t).start(t).URL())
	const sale, stock, pause = "/api/admin/sales/flash-sale", "/api/flash-sale/update-stock", "/api/admin/pause"
	seen := c.Act(http.MethodGet, sale, nil).Header.Get("ETag")
	if want := fmt.Sprintf("%q", fmt.Sprint(c.Status().Number("revision"))); seen != want {
		t.Fatalf("the sale's tag is %s, its status says %s", seen, want)
	}
	to := func(n int) map[string]int { return map[string]int{"stockAmount": n} }
	r := c.Act(http.MethodPost, stock, to(7), "If-Match: "+seen)
	if r.Is(t, http.StatusOK, ""); r.Figure("after", "revision") != r.Figure("before", "revision")+1 || r.Header.Get("ETag") == seen {
		t.Errorf("the revision stays: %s", r.Raw)
	}
	now := r.Number("revision")
	r = c.Act(http.MethodPost, stock, to(8), "If-Match: "+seen)
	if r.Is(t, http.StatusPreconditionFailed, "revision-changed"); r.Text("seenRevision") != seen || r.Number("presentRevision") != now {
		t.Errorf("both values are not in %s", r.Raw)
	}
	c.Act(http.MethodPatch, sale, map[string]int{"stock": 9}, "If-Match: "+seen).Is(t, http.StatusPreconditionFailed, "revision-changed")
	c.Act(http.MethodPatch, sale, map[string]int{"stock": 9}).Is(t, http.StatusPreconditionRequired, "revision-required")
	c.Act(http.MethodPost, pause, nil, `If-Match: "x", W/"1"`).Is(t, http.StatusPreconditionFailed, "revision-changed")
	c.Act(http.MethodPost, pause, nil, `If-Match: `+seen+`, "`+fmt.Sprint(now)+`"`).Is(t, http.StatusOK, "")
	c.Act(http.MethodPost, "/api/admin/resume", nil).Is(t, http.StatusOK, "")
	before := c.Status().Number("revision")
	if r := c.BuySettled("john_doe_1"); r.Status != http.StatusCreated {
		t.Fatalf("buy: %d %s", r.Status, r.Raw)
	}
	if after := c.Status(); after.Number("revision") != before || after.Number("sold") != 1 {
		t.Errorf("a purchase moves the revision from %v: %s", before, after.Raw)
	}
}
