package instance

import (
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

const machineSale = "/api/admin/sales/flash-sale"

// amend changes the stock as an operator does who has seen the present revision, or one from before.
func (m *machine) amend(t *rapid.T) {
	n := rapid.IntRange(0, 5).Draw(t, "total")
	seen, err := m.client.Try(http.MethodGet, machineSale, nil)
	if err != nil {
		t.Fatalf("read the sale: %v", err)
	}
	revision := int64(seen.Number("revision"))
	late := rapid.Bool().Draw(t, "late")
	if late {
		revision--
	}
	header := http.Header{}
	header.Set("If-Match", fmt.Sprintf("%q", fmt.Sprint(revision)))
	header.Set("Idempotency-Key", uuid.NewString())
	patch := func() reply {
		r, err := m.client.TryWith(http.MethodPatch, machineSale, map[string]int{"stock": n}, header.Clone())
		if err != nil {
			t.Fatalf("amend: %v", err)
		}
		return r
	}
	first, again := patch(), patch()
	if first.Status != again.Status || first.Raw != again.Raw {
		t.Fatalf("answered %d %s, then %d %s", first.Status, first.Raw, again.Status, again.Raw)
	}
	switch {
	case late:
		m.expect(t, first, http.StatusPreconditionFailed, "/problems/revision-changed")
	case n < len(m.owners):
		m.expect(t, first, http.StatusConflict, "/problems/below-sold")
	default:
		m.expect(t, first, http.StatusOK, "")
		m.total = n
	}
}

// cancel cancels an order, twice. The shopper may buy again.
func (m *machine) cancel(t *rapid.T) {
	if len(m.owners) == 0 {
		t.Skip("nobody owns anything")
	}
	name := rapid.SampledFrom(slices.Sorted(maps.Keys(m.owners))).Draw(t, "owner")
	for range 2 {
		r := m.post(t, "/api/admin/orders/"+m.owners[name]+"/cancel", map[string]string{"reason": "drawn"}, http.StatusOK)
		if got := r.Figure("after", "sold"); got != float64(len(m.owners)-1) {
			t.Fatalf("%v units are sold after a cancellation, of %d: %s", got, len(m.owners), r.Raw)
		}
	}
	delete(m.owners, name)
}
