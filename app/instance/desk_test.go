package instance

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"flashsale/users"
)

// rowsOf lists the objects of a field.
func rowsOf(r reply, field string) (all []map[string]any) {
	list, _ := r.Body[field].([]any)
	for _, one := range list {
		row, _ := one.(map[string]any)
		all = append(all, row)
	}
	return all
}

// An operator finds an order by everything that a shopper may say of it, sees what became of it, and cancels it; and may then say who
// did that, when and why.
func TestTheDeskFindsAnOrderAndKnowsItsHistory(t *testing.T) {
	t.Parallel()
	a := newDeployment(t).start(t)
	c := newClient(t, a.URL())
	mine, other := c.BuySettled("john_doe_1"), c.BuySettled("jane_smith_1")
	id := mine.Text("purchaseId")
	list := c.Call(http.MethodGet, "/api/admin/orders", nil)
	orders := rowsOf(list, "orders")
	if list.Is(t, http.StatusOK, ""); len(orders) != 2 || orders[0]["purchaseId"] != other.Text("purchaseId") || list.Number("sold") != 2 {
		t.Fatalf("the list is %s", list.Raw)
	}
	number, _ := orders[1]["orderNumber"].(string)
	unit := strconv.Itoa(int(mine.Number("unit")))
	for _, q := range []string{"q=" + id, "q=" + number, "q=" + strings.ToLower(strings.ReplaceAll(number, "-", "")), "q=john_doe_1", "q=JOHN_doe", "q=john_doe_1@example.com", "unit=" + unit} {
		if r := c.Call(http.MethodGet, "/api/admin/orders?"+q, nil); r.Status != http.StatusOK || len(rowsOf(r, "orders")) != 1 || rowsOf(r, "orders")[0]["purchaseId"] != id {
			t.Errorf("%s finds %s", q, r.Raw)
		}
	}
	for _, q := range []string{"q=nobody", "state=cancelled", "unit=77", "generation=9", "sale=other"} {
		if r := c.Call(http.MethodGet, "/api/admin/orders?"+q, nil); len(rowsOf(r, "orders")) != 0 {
			t.Errorf("%s finds %s", q, r.Raw)
		}
	}
	c.Act(http.MethodPost, "/api/admin/orders/"+id+"/cancel", map[string]string{"reason": "paid twice"}).Is(t, http.StatusOK, "")
	c.BuySettled("john_doe_1")
	h := c.Call(http.MethodGet, "/api/admin/orders/"+id, nil)
	h.Is(t, http.StatusOK, "")
	cancelled, _ := h.Body["cancelled"].(map[string]any)
	if cancelled["reason"] != "paid twice" || cancelled["by"] != "demo" || h.Text("receipt") != "cancelled" || len(rowsOf(h, "events")) != 2 || len(rowsOf(h, "acts")) != 1 {
		t.Errorf("the history is %s", h.Raw)
	}
	if claim, _ := h.Body["claim"].(map[string]any); claim["offset"] == nil {
		t.Errorf("the log has the claim, and the history does not say where: %s", h.Raw)
	}
	shopper := c.Call(http.MethodGet, "/api/admin/shoppers/john_doe_1", nil)
	if shopper.Is(t, http.StatusOK, ""); len(rowsOf(shopper, "orders")) != 2 || shopper.Body["canPurchase"] != true {
		t.Errorf("the shopper is %s", shopper.Raw)
	}
	if acts := c.Call(http.MethodGet, "/api/admin/audit?what=order.cancel&sale=flash-sale&who=demo", nil); len(rowsOf(acts, "acts")) != 1 {
		t.Errorf("the acts are %s", acts.Raw)
	}
	c.Verifies()
}

// Two instances: what an operator says on one holds on the other at once.
func TestABarredShopperBuysNowhere(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	a, b := newClient(t, d.start(t).URL()), newClient(t, d.start(t).URL())
	bar, reason := "/api/admin/shoppers/john_doe_1/", map[string]string{"reason": "a bot"}
	r := a.Act(http.MethodPost, bar+"bar", reason, "Idempotency-Key: once")
	if r.Is(t, http.StatusOK, ""); r.Body["canPurchase"] != false || r.Body["before"] != true {
		t.Errorf("answered %s", r.Raw)
	}
	if again := a.Act(http.MethodPost, bar+"bar", reason, "Idempotency-Key: once"); again.Raw != r.Raw {
		t.Errorf("a repeat is answered %s", again.Raw)
	}
	if r := a.Buy("john_doe_1"); r.Status != http.StatusForbidden {
		t.Errorf("here the shopper is answered %d %s", r.Status, r.Raw)
	}
	refused := false
	for end := time.Now().Add(20 * time.Second); !refused && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		refused = b.Call(http.MethodGet, "/api/admin/shoppers/john_doe_1", nil).Body["canPurchase"] == false && b.Buy("john_doe_1").Status == http.StatusForbidden
	}
	if !refused {
		t.Error("the other instance lets a barred shopper buy")
	}
	a.Act(http.MethodPost, bar+"unbar", reason).Is(t, http.StatusOK, "")
	if acts := a.Call(http.MethodGet, "/api/admin/audit?subject=john_doe_1", nil); len(rowsOf(acts, "acts")) != 2 || rowsOf(acts, "acts")[1]["action"] != "shopper.bar" {
		t.Errorf("recorded %s", acts.Raw)
	}
	a.Act(http.MethodPost, "/api/admin/shoppers/nobody/bar", reason).Is(t, http.StatusNotFound, "no-account")
}

// While shoppers buy and orders are cancelled, each export is one moment: as many live orders as were sold then.
func TestAnExportIsOneMoment(t *testing.T) {
	t.Parallel()
	a := newDeployment(t).start(t)
	c := newClient(t, a.URL())
	c.Act(http.MethodPost, "/api/users/seed", map[string]int{"userCount": users.AbleLength(400)}).Is(t, http.StatusOK, "")
	c.Act(http.MethodPost, "/api/flash-sale/update-stock", map[string]int{"stockAmount": 1000}).Is(t, http.StatusOK, "")
	var shoppers sync.WaitGroup
	for from := range 4 {
		shoppers.Go(func() {
			for n := from; n < 300; n += 4 {
				r := c.Buy(shopperName(n))
				if r.Status == http.StatusCreated && n%9 == 0 {
					c.Act(http.MethodPost, "/api/admin/orders/"+r.Text("purchaseId")+"/cancel", map[string]string{"reason": "x"})
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { shoppers.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		live, sold := exported(t, a.URL())
		if live != sold {
			t.Errorf("%d live orders, and %d units are sold", live, sold)
		}
	}
	if live, sold := exported(t, a.URL()); live < 100 || sold < 100 {
		t.Errorf("only %d orders: that shows nothing", live)
	}
	exportsWhatTheSearchFinds(t, c)
	c.Verifies()
}

// exportsWhatTheSearchFinds compares files with searches: one that finds few shoppers, one that finds more than a page looks at, one for
// a unit, and one for a number.
func exportsWhatTheSearchFinds(t *testing.T, c *client) {
	t.Helper()
	take := func(query string) (rows []map[string]any) {
		r := c.Call(http.MethodGet, "/api/admin/orders/export?format=jsonl&generation=1&"+query, nil)
		for line := range strings.Lines(r.Raw) {
			row := map[string]any{}
			if err := json.Unmarshal([]byte(line), &row); err != nil || r.Status != http.StatusOK {
				t.Fatalf("%s: %d %s: %v", query, r.Status, line, err)
			}
			rows = append(rows, row)
		}
		return rows
	}
	all := take("")
	for prefix, most := range map[string]int{"john_doe_1": 100, "j": 1000, "J": 1000, "john_doe@": 100, "nobody": 0} {
		var want []map[string]any
		for _, row := range all {
			for _, name := range []string{"username", "email"} {
				if called, _ := row["shopper"].(map[string]any)[name].(string); strings.HasPrefix(called, strings.ToLower(prefix)) {
					want = append(want, row)
					break
				}
			}
		}
		if got := take("q=" + url.QueryEscape(prefix)); !reflect.DeepEqual(got, want) || len(got) > most {
			t.Errorf("%q: %d orders, want %d", prefix, len(got), len(want))
		}
	}
	some := all[len(all)/2]
	for _, query := range []string{"unit=" + fmt.Sprint(some["unit"]), "q=" + fmt.Sprint(some["orderNumber"]), "q=" + fmt.Sprint(some["purchaseId"])} {
		if got := take(query); !slices.ContainsFunc(got, func(row map[string]any) bool { return reflect.DeepEqual(row, some) }) ||
			slices.ContainsFunc(got, func(row map[string]any) bool { return row["unit"] != some["unit"] }) {
			t.Errorf("%s: %v, want %v", query, got, some)
		}
	}
	acts := c.Call(http.MethodGet, "/api/admin/audit?what=orders.export&limit=1", nil)
	if !strings.Contains(acts.Raw, fmt.Sprint(some["purchaseId"])) {
		t.Errorf("the audit log does not say what was looked for: %s", acts.Raw)
	}
	if acts := c.Call(http.MethodGet, "/api/admin/audit?what=orders.export&limit=200", nil); strings.Contains(acts.Raw, "john_doe_1") || !strings.Contains(acts.Raw, "a name or an address") {
		t.Error("the audit log keeps what people are called")
	}
}

func exported(t *testing.T, base string) (live, sold int) {
	t.Helper()
	res, err := http.Get(base + "/api/admin/orders/export?format=jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	rows := 0
	for lines := bufio.NewScanner(res.Body); lines.Scan(); rows++ {
		var o struct{ State string }
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		if o.State == "confirmed" {
			live++
		}
	}
	sold, err = strconv.Atoi(res.Header.Get("Export-Sold"))
	if said := res.Trailer.Get("Export-Rows"); err != nil || rows > 0 && said != strconv.Itoa(rows) {
		t.Errorf("%d rows, the trailer says %s (%v)", rows, said, err)
	}
	return live, sold
}

// Whoever closes the connection ends the export, and its connection to Postgres is free for the next one. More than two at once are told
// to come back.
func TestAnExportEndsWithItsConnection(t *testing.T) {
	t.Parallel()
	a := newDeployment(t).start(t)
	// So many orders that no buffer between here and there takes them all.
	if _, err := a.wiring.servers.pool.Exec(t.Context(), `INSERT INTO orders (id, sale_id, generation, user_id, username, unit, attempt, revision, decided_at, state, released_at)
SELECT gen_random_uuid(), s.id, s.generation, 5000000 + n, repeat('name ', 15), n, 1, 1, now(), 'cancelled', now() FROM sales s, generate_series(1, 100000) n`); err != nil {
		t.Fatal(err)
	}
	if _, err := a.wiring.servers.pool.Exec(t.Context(), `UPDATE stock SET next_unit = 100001`); err != nil {
		t.Fatal(err)
	}
	var stop []context.CancelFunc
	for range exportConnections {
		ctx, cancel := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.URL()+"/api/admin/orders/export", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%v %v", res, err)
		}
		stop = append(stop, cancel)
	}
	c := newClient(t, a.URL())
	if r := c.Call(http.MethodGet, "/api/admin/orders/export", nil); r.Status != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "" {
		t.Errorf("one export too many is answered %d", r.Status)
	}
	for _, end := range stop {
		end()
	}
	for end := time.Now().Add(20 * time.Second); a.wiring.servers.export.Stat().AcquiredConns() > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the connections of closed exports are still used")
		}
	}
	if r := c.Call(http.MethodGet, "/api/admin/orders/export?format=jsonl&state=confirmed&q="+url.QueryEscape("x"), nil); r.Status != http.StatusOK {
		t.Errorf("the next export is answered %d %s", r.Status, r.Raw)
	}
	if acts := c.Call(http.MethodGet, "/api/admin/audit?what=orders.export", nil); len(rowsOf(acts, "acts")) != exportConnections+1 {
		t.Errorf("recorded %s", acts.Raw)
	}
}
