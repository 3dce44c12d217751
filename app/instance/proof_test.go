package instance

import (
	"net/http"
	"strings"
	"testing"

	"flashsale/app/instance/instancetest"
)

// A check that is asked for at one instance is kept, whole, and opened again at another. Under its key it is made once.
func TestAProofIsKept(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	c, other := newClient(t, d.start(t).URL()), newClient(t, d.start(t).URL())
	if r := c.BuySettled("john_doe_1"); r.Status != http.StatusCreated {
		t.Fatal(r.Raw)
	}
	made := c.Act(http.MethodPost, "/api/admin/proof", map[string]any{}, `Idempotency-Key: "once"`)
	if made.Is(t, http.StatusCreated, ""); made.Body["ok"] != true || len(made.Body["checks"].([]any)) != 8 || !strings.Contains(made.Raw, `"slug":"flash-sale","generation":1,"total":5,"taken":1,"orders":1,"shoppers":1,"units":1`) {
		t.Fatalf("the report says %s", made.Raw)
	}
	if again := c.Act(http.MethodPost, "/api/admin/proof", map[string]any{}, `Idempotency-Key: "once"`); again.Text("id") != made.Text("id") {
		t.Errorf("a repeat is %s", again.Raw)
	}
	if r := other.Call(http.MethodGet, "/api/admin/proof/"+made.Text("id"), nil); r.Status != http.StatusOK || r.Raw != made.Raw {
		t.Errorf("the other instance opens %s, and not %s", r.Raw, made.Raw)
	}
	if r := other.Call(http.MethodGet, "/api/admin/proof", nil); len(r.Body["reports"].([]any)) != 1 {
		t.Errorf("listed: %s", r.Raw)
	}
	if r := other.Call(http.MethodGet, "/api/admin/audit?action=proof", nil); !strings.Contains(r.Raw, made.Text("id")) || !strings.Contains(r.Raw, "pressed within its sale's times") {
		t.Errorf("the audit log has not the whole report: %s", r.Raw)
	}
	instancetest.Eventually(t, "the other instance knows of the order", func() bool {
		live := other.Call(http.MethodGet, "/api/admin/proof/live", nil)
		return live.Number("sold") == 1 && live.Number("total") == 5 && live.Body["counted"] == true && live.Number("places") == 1
	})
}
