package instance

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"flashsale/events"
	"flashsale/events/claimlog"
	"flashsale/sale"
)

// forgeries are records that somebody writes who can read the log and knows no secret: copies of a real claim with something
// changed, claims with invented ids, close records, and what is no claim at all. real is a claim of the log.
func forgeries(t *testing.T, real events.Claim) (values [][]byte) {
	t.Helper()
	add := func(change func(c *events.Claim)) {
		c := real
		change(&c)
		value, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, value)
	}
	for i := range 30 {
		n := int64(i)
		add(func(c *events.Claim) { c.ID, c.UserID, c.Username = uuid.New(), 7_000+n, fmt.Sprintf("stranger_%d", i) })
		add(func(c *events.Claim) { c.UserID, c.Username = 8_000+n, fmt.Sprintf("copier_%d", i) })
		add(func(c *events.Claim) { c.Attempt += 1 + i })
		add(func(c *events.Claim) { c.SaleID += 1_000 + n })
		add(func(c *events.Claim) { c.Generation += 1 + n })
		add(func(c *events.Claim) { c.Kind, c.ID = events.KindClose, uuid.New() })
		add(func(c *events.Claim) { c.Kind = events.KindClose })
		values = append(values, []byte(`nonsense`), []byte(`{"v":99,"kind":"claim"}`), nil)
	}
	return values
}

// Whoever may write to the log sells nothing, declines nothing and stops nothing with what he makes up.
func TestAStrangersRecordsSellNothingAndStopNothing(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	a := d.start(t)
	c := newClient(t, a.URL())
	buys(t, c, "john_doe")
	a.passesTheLog(t)
	s, err := a.wiring.catalog.Snapshot("")
	if err != nil {
		t.Fatal(err)
	}
	records := d.records(t)[s.Partition]
	if len(records) == 0 {
		t.Fatal("the claim is not in the log; the test shows nothing")
	}
	forged := forgeries(t, records[0].Claim)
	d.produce(t, s.Partition, forged...)

	began := time.Now()
	buys(t, c, "jane_smith")
	a.passesTheLog(t)
	t.Logf("passed %d records of a stranger in %v", len(forged), time.Since(began))
	if r := c.Status(); r.Number("sold") != 2 || r.Text("status") != "active" {
		t.Errorf("%v units are sold, the sale is %s; want 2 and active", r.Number("sold"), r.Text("status"))
	}
	pool := d.pool(t)
	count := func(query string) (n int) {
		t.Helper()
		if err := pool.QueryRow(t.Context(), query).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(`SELECT (SELECT count(*) FROM orders) + (SELECT count(*) FROM declines)`); n != 2 {
		t.Errorf("%d orders and declines, want the 2 of the shoppers", n)
	}
	if n := count(`SELECT count(*) FROM quarantine`); n == 0 || n > 100 {
		t.Errorf("%d records in quarantine, want a sample of at most 100", n)
	}
	for reason, want := range map[events.Foreign]float64{events.ForeignUnreadable: 90, events.ForeignSale: 30, events.ForeignID: 180} {
		if n := metric(t, a, fmt.Sprintf(`flashsale_foreign_records_total{reason=%q}`, reason)); n != want {
			t.Errorf("%v records are counted as %s, want %v", n, reason, want)
		}
	}
	c.Verifies()

	direct, invented := &directTo{}, records[0].Claim
	direct.through(a.wiring.ledger)
	defer direct.decide.Close()
	invented.ID = uuid.New()
	if v, err := direct.Decide(t.Context(), invented); !errors.Is(err, sale.ErrUnavailable) {
		t.Errorf("directly it gets %+v (%v)", v, err)
	}
}

// A copy of a real claim in another partition could be decided before the claim itself, with what the copier has changed.
func TestACopyInAnotherPartitionDecidesNothing(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	a := d.start(t)
	c := newClient(t, a.URL())
	s, err := a.wiring.catalog.Snapshot("")
	if err != nil {
		t.Fatal(err)
	}
	user, _, err := newShoppers(a.wiring.directory).Find(t.Context(), "john_doe")
	if err != nil || user.ID == 0 {
		t.Fatal(user, err)
	}
	copied, err := json.Marshal(claimOf(t, a.servers.pool, s, user.ID)) // with another username
	if err != nil {
		t.Fatal(err)
	}
	d.produce(t, (s.Partition+1)%len(claimlog.EveryPartition()), copied)
	a.passesTheLog(t)
	if sold := c.Status().Number("sold"); sold != 0 {
		t.Errorf("the copy has a unit")
	}
	if n := metric(t, a, `flashsale_foreign_records_total{reason="wrong-partition"}`); n != 1 {
		t.Errorf("%v copies are counted", n)
	}
	if r := c.BuySettled("john_doe"); r.Status != http.StatusCreated || r.Text("userId") != "john_doe" {
		t.Errorf("the shopper is answered %d %s", r.Status, r.Raw)
	}
	c.Verifies()
}
