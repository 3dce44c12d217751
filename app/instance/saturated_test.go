package instance

import (
	"net/http"
	"testing"
	"time"

	"flashsale/app/operator"
)

// Every purchase request gets as far as the places and no further: the answer is "all claimed" and never "sold out".
func TestASaturatedInstanceSellsNothing(t *testing.T) {
	t.Parallel()
	c := newClient(t, newDeployment(t).start(t, Saturated(1000)).URL())
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		r := c.Call(http.MethodPost, "/api/flash-sale/purchase", map[string]string{"username": "jane_smith_100"})
		if r.Status != http.StatusConflict || r.Text("type") != "/problems/all-claimed" {
			t.Fatalf("%d %s", r.Status, r.Raw)
		}
	}
	if s := c.Status(); s.Text("status") != "active" || s.Number("sold") != 0 || s.Number("currentStock") != operator.SmallStock {
		t.Fatal(s.Raw)
	}
}
