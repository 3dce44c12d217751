package instance

import (
	"net/http"
	"testing"
)

// The product as it is wired brings claims to the ledger without fetching them. That only saves time, so only its counter shows that it
// happens; on a busy machine some rounds may pass without.
func TestClaimsAreHandedOver(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.Config.MaxStock = 1_000
	a := d.start(t)
	c := newClient(t, a.URL())
	if r := c.Call(http.MethodPost, "/api/users/seed", map[string]int{"userCount": 1000}); r.Status != http.StatusOK {
		t.Fatal(r.Raw)
	}
	const handed = "flashsale_claims_handed_over_total"
	const rounds, each = 40, 20
	for n := 0; n < rounds && metric(t, a, handed) == 0; n++ {
		allAtOnce(t, each, func(i int) reply { return c.BuySettled(shopperName(n*each + i)) })
	}
	if metric(t, a, handed) == 0 {
		t.Error("every claim was fetched")
	}
	c.Verifies()
}
