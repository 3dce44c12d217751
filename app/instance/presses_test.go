package instance

import (
	"fmt"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"flashsale/sale"
)

// An operator lowers the limit of presses while the sale runs, and every process follows.
func TestTheLimitOfPressesIsFollowedByEveryProcess(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	one, two := d.start(t), d.start(t)
	eventually(t, "each process counts both", func() bool { return one.wiring.heartbeat.Live() == 2 && two.wiring.heartbeat.Live() == 2 })
	c := newClient(t, one.URL())
	press := func(a *Instance, name, from string) sale.Answer {
		return a.wiring.checkout.Buy(t.Context(), sale.PurchaseRequest{Name: name, From: netip.MustParseAddr(from)})
	}
	if a := press(one, "john_doe_1", "192.0.2.7"); a.Kind != sale.Bought {
		t.Fatalf("with the usual limit: %s %s", a.Kind, a.Reason)
	}
	r := c.Amend(map[string]any{"networkPressRate": 1, "networkPressBurst": 2})
	if r.Is(t, http.StatusOK, ""); r.Number("networkPressBurst") != 2 || r.Number("accountPressBurst") != 10 {
		t.Fatalf("amended: %s", r.Raw)
	}
	// Nobody presses twice who has bought: a process that knows a receipt answers with it and counts no press.
	fresh := [2][2][2]string{
		{{"jane_smith_1", "alice_brown_1"}, {"edward_garcia_1", "george_martinez_1"}}, {{"helen_anderson_1", "john_doe"}, {"jane_smith", "alice_brown"}},
	}
	for n, a := range []*Instance{one, two} {
		eventually(t, "the process follows", func() bool {
			s, err := a.wiring.catalog.Snapshot("")
			return err == nil && s.Limit.NetworkBurst == 2
		})
		from := ""
		for i, names := range fresh[n] {
			from = fmt.Sprintf("198.51.100.%d", 10+i)
			began := time.Now()
			first, second := press(a, names[0], from), press(a, names[1], from)
			if second.Kind != sale.TooOften && time.Since(began) > time.Second/2 {
				continue // on a busy machine the network has its press back by then
			}
			if first.Kind == sale.TooOften || second.Kind == sale.Bought {
				t.Errorf("with half of two presses: %s, %s", first.Kind, second.Kind)
			}
			break
		}
		if again := press(a, "john_doe_1", from); again.Kind != sale.AlreadyBought {
			t.Errorf("beyond the limit an owner gets %s", again.Kind)
		}
		if other := press(a, "diana_miller_1", "198.51.100.2"); other.Kind == sale.TooOften {
			t.Error("one network uses up another's presses")
		}
	}
	c.Amend(map[string]any{"accountPressRate": 0}).Is(t, http.StatusUnprocessableEntity, "invalid-request")
}
