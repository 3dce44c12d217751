package instance

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"flashsale/users"

	"github.com/anishathalye/porcupine"
)

// purchased is one purchase request and its answer, as the shopper saw them.
type purchased struct {
	shopper int
	status  int
	problem string
	receipt string
}

// saleModel is a sale as one sequential machine: a shopper who asks while units are left gets one, an owner gets the same
// receipt again, and "sold out" is answered only when nothing is left. "All claimed" and "pending" promise nothing.
func saleModel(total int) porcupine.Model {
	type state = string // the owners' receipts, "shopper=receipt " each, sorted
	return porcupine.Model{
		Init: func() any { return "" },
		Step: func(s, in, out any) (bool, any) {
			owners := strings.Fields(s.(state))
			p := out.(purchased)
			me := shopperName(in.(int)) + "="
			i := slices.IndexFunc(owners, func(o string) bool { return strings.HasPrefix(o, me) })
			switch p.status {
			case http.StatusCreated:
				if i >= 0 || len(owners) >= total {
					return false, s
				}
				owners = append(owners, me+p.receipt)
				slices.Sort(owners)
				return true, strings.Join(owners, " ")
			case http.StatusOK:
				return i >= 0 && owners[i] == me+p.receipt, s
			case http.StatusConflict:
				if p.problem == "/problems/sold-out" {
					return i < 0 && len(owners) == total, s
				}
				return p.problem == "/problems/all-claimed" && i < 0, s
			}
			return false, s
		},
	}
}

func TestHistoryOfPurchasesIsLinearizable(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	clients := []*client{newClient(t, d.start(t).URL()), newClient(t, d.start(t).URL())}
	const shoppers, requests = 9, 6
	clients[0].Call(http.MethodPost, "/api/users/seed", map[string]int{"userCount": users.AbleLength(shoppers)})
	for _, c := range clients {
		eventually(t, "the sale to be open", func() bool { return c.Status().Text("status") == "active" })
	}
	var (
		mu      sync.Mutex
		history []porcupine.Operation
		wg      sync.WaitGroup
	)
	begun := time.Now()
	for s := range shoppers {
		wg.Go(func() {
			for n := range requests {
				called := time.Since(begun).Nanoseconds()
				r := clients[(s+n)%2].BuySettled(shopperName(s))
				returned := time.Since(begun).Nanoseconds()
				mu.Lock()
				history = append(history, porcupine.Operation{ClientId: s, Input: s, Call: called, Return: returned,
					Output: purchased{s, r.Status, r.Text("type"), r.Text("purchaseId")}})
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	result, info := porcupine.CheckOperationsVerbose(saleModel(5), history, time.Minute)
	if result != porcupine.Ok {
		for _, op := range history {
			t.Logf("%d..%d %+v", op.Call, op.Return, op.Output)
		}
		t.Fatalf("no order of these requests explains the answers: %v (%d partial)", result, len(info.PartialLinearizations()))
	}
	clients[0].Verifies()
}

// The model refuses what must not happen; one that accepts everything proves nothing.
func TestSaleModelRefusesWhatMustNotHappen(t *testing.T) {
	t.Parallel()
	bought := func(shopper, status int, problem, receipt string, at int64) porcupine.Operation {
		return porcupine.Operation{ClientId: shopper, Input: shopper, Call: at, Return: at + 1, Output: purchased{shopper, status, problem, receipt}}
	}
	for name, history := range map[string][]porcupine.Operation{
		"oversold":        {bought(0, 201, "", "a", 0), bought(1, 201, "", "b", 2)},
		"bought twice":    {bought(0, 201, "", "a", 0), bought(0, 201, "", "b", 2)},
		"receipt changed": {bought(0, 201, "", "a", 0), bought(0, 200, "", "b", 2)},
		"receipt lost":    {bought(0, 201, "", "a", 0), bought(0, 409, "/problems/sold-out", "", 2)},
		"said too early":  {bought(1, 409, "/problems/sold-out", "", 0), bought(0, 201, "", "a", 2)},
	} {
		if porcupine.CheckOperations(saleModel(1), history) {
			t.Errorf("%s is accepted", name)
		}
	}
}
