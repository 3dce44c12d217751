package checkout

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/jackc/pgx/v5"

	"flashsale/sale"
	"flashsale/sale/saletest"
)

// An act on "the current sale" is about the sale that the pages show as that: the rule in SQL and the one in memory agree on any
// set of sales.
func TestTheCurrentSaleIsTheSameInMemoryAndInSQL(t *testing.T) {
	t.Parallel()
	s := openRealLedger(t, 5)
	const sales = 6
	for i := 1; i < sales; i++ {
		s.CopySale(fmt.Sprint("s", i), saletest.Slug)
	}
	s.Exec(`UPDATE sales SET state = 'draft' WHERE slug <> $1`, saletest.Slug)
	c := NewCatalog(CatalogConfig{Store: s.Store})
	states := []sale.State{sale.Draft, sale.Scheduled, sale.Open, sale.Paused, sale.Closing, sale.Closed}
	random := rand.New(rand.NewPCG(9, 7)) // the same sales in every run
	picked := map[string]int{}
	for range 60 {
		for i := range sales {
			state := states[random.IntN(1+random.IntN(len(states)))]
			// Few different times, so that some are the same.
			s.Exec(`UPDATE sales SET state = $2, version = version + 1, closing_version = 1, closing_at = now(),
				starts_at = timestamptz '2026-01-01' + $3 * interval '1 hour', ends_at = timestamptz '2026-01-02' + $4 * interval '1 hour'
				WHERE id = (SELECT id FROM sales ORDER BY id OFFSET $1 LIMIT 1)`, i, state, random.IntN(3), random.IntN(3))
		}
		s.Must(c.Refresh(t.Context()))
		shown, err := c.Snapshot("")
		var locked sale.Snapshot
		other := s.Try(func(tx pgx.Tx) (err error) {
			locked, err = s.LockSaleTx(t.Context(), tx, "")
			return err
		})
		if !errors.Is(other, err) || shown.Slug != locked.Slug || shown.Version != locked.Version || shown.Revision != locked.Revision {
			t.Fatalf("shown is %+v (%v), an act is about %+v (%v)", shown, err, locked, other)
		}
		picked[locked.Slug]++
	}
	if len(picked) < sales {
		t.Errorf("the sets of sales were too much alike: %v", picked)
	}
}
