package instance

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"

	"github.com/google/uuid"

	"flashsale/app/combine"
	"flashsale/events"
	"flashsale/sale"
)

func TestEachClaimGetsItsOwnVerdict(t *testing.T) {
	t.Parallel()
	a, b, none := uuid.New(), uuid.New(), uuid.New()
	ids := []uuid.UUID{b, none, a, b}
	if once := distinct(ids); len(once) != 3 || once[0] != b || once[1] != none || once[2] != a {
		t.Errorf("asked for %v", once)
	}
	got := inOrder(ids, []events.Verdict{{ClaimID: a, Unit: 1}, {ClaimID: b, Unit: 2}})
	for i, unit := range []int64{2, 0, 1, 2} {
		if got[i].made != (unit > 0) || got[i].verdict.Unit != unit {
			t.Errorf("claim %d got %+v, want unit %d", i, got[i], unit)
		}
	}
}

// A combiner's refusal becomes an answer with a time to ask again, and never a fault of ours.
func TestACombinersRefusalBecomesASaleError(t *testing.T) {
	t.Parallel()
	if err := saleError(combine.ErrFull); !errors.Is(err, sale.ErrTooMany) || !errors.Is(err, combine.ErrFull) {
		t.Errorf("refused: %v", err)
	}
	if err := saleError(combine.ErrClosed); errors.Is(err, sale.ErrTooMany) || !errors.Is(err, combine.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if saleError(nil) != nil {
		t.Error("no error became one")
	}
}

// TestPollersOfManyClaimsShareQueries: the product's own wiring combines the questions of many clients into few queries.
func TestPollersOfManyClaimsShareQueries(t *testing.T) {
	t.Parallel()
	a := newDeployment(t).start(t)
	const n = 2_000
	before := metric(t, a, "flashsale_verdict_lookups_total")
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			st, err := a.wiring.checkout.Claim(t.Context(), uuid.New(), &events.Position{})
			switch {
			case errors.Is(err, sale.ErrTooMany), errors.Is(err, context.DeadlineExceeded):
			case err != nil || st.State != sale.ClaimPending:
				t.Errorf("a claim that nobody made: %+v, %v", st, err)
			}
		})
	}
	all.Wait()
	if asked := metric(t, a, "flashsale_verdict_lookups_total") - before; asked < 1 || asked > n/10 {
		t.Errorf("%v questions to Postgres for %d claims", asked, n)
	}
	c := newClient(t, a.URL())
	if r := c.Call(http.MethodGet, claimPath("0.0"), nil); r.Status != http.StatusAccepted {
		t.Errorf("afterwards: %d %s", r.Status, r.Raw)
	}
}
