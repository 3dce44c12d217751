package instance

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// acted repeats an act until it is not busy: many at once wait for each other, and not for ever.
func acted(c *client, path string, body any) reply {
	for {
		if r := c.Call(http.MethodPost, path, body); r.Text("type") != "/problems/busy" {
			return r
		}
	}
}

// The answer was read after the commit: of forty changes of the stock at once, 28 were answered with the stock of another.
func TestEachOfManyActsAtOnceIsAnsweredWithWhatItDid(t *testing.T) {
	t.Parallel()
	c := newClient(t, newDeployment(t).start(t).URL())
	const many, first = 40, 100
	answers := make([]reply, many)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() {
			answers[i] = acted(c, "/api/flash-sale/update-stock", map[string]int{"stockAmount": first + i})
		})
	}
	all.Wait()
	revisions := map[float64]bool{}
	for i, r := range answers {
		r.Is(t, http.StatusOK, "")
		if own := float64(first + i); r.Number("stockAmount") != own || r.Figure("after", "total") != own || !strings.Contains(r.Text("message"), "1") {
			t.Errorf("the change to %v is answered %s", own, r.Raw)
		}
		if r.Figure("before", "revision")+1 != r.Number("revision") || revisions[r.Number("revision")] {
			t.Errorf("the revisions of %s are another act's", r.Raw)
		}
		revisions[r.Number("revision")] = true
	}
}

// "The sale goes on" came with the status "paused", and three resets were answered with one generation.
func TestActsAtOnceAreAnsweredWithTheirOwnStateAndGeneration(t *testing.T) {
	t.Parallel()
	c := newClient(t, newDeployment(t).start(t).URL())
	var all sync.WaitGroup
	for range 8 {
		for path, status := range map[string]string{"pause": "paused", "resume": "active"} {
			all.Go(func() {
				r := acted(c, "/api/flash-sale/"+path, nil)
				if done := r.Status == http.StatusOK; done && r.Text("status") != status || !done && r.Text("type") != "/problems/wrong-state" {
					t.Errorf("%s is answered %d %s", path, r.Status, r.Raw)
				}
			})
		}
	}
	all.Wait()
	const resets = 6
	answers := make([]reply, resets)
	for i := range answers {
		all.Go(func() { answers[i] = acted(c, "/api/flash-sale/reset", nil) })
	}
	all.Wait()
	generations := map[float64]bool{}
	for _, r := range answers {
		r.Is(t, http.StatusOK, "")
		if generations[r.Number("generation")] || r.Figure("before", "generation")+1 != r.Number("generation") {
			t.Errorf("another reset has the generation of %s", r.Raw)
		}
		generations[r.Number("generation")] = true
	}
}

// committedAct is an act with what its transaction says, and what its answer has to say.
type committedAct struct {
	name, method, path string
	body               any
	mark, says         string
}

// committedActs are all acts on a sale that is open and on its shoppers, but the cancellation of an order.
var committedActs = []committedAct{
	{"reset", http.MethodPost, "/api/flash-sale/reset", nil, "sale.reset", `"generation":2`},
	{"preset", http.MethodPost, "/api/flash-sale/stock-preset/medium", nil, "sale.preset", `"stockAmount":100`},
	{"update-stock", http.MethodPost, "/api/flash-sale/update-stock", map[string]int{"stockAmount": 42}, "sale.stock", `"stockAmount":42`},
	{"pause", http.MethodPost, "/api/admin/pause", nil, "sale.pause", `"state":"paused"`},
	{"close", http.MethodPost, "/api/admin/close", nil, "sale.close", `"state":"closing"`},
	{"amend", http.MethodPatch, "/api/admin/sales/flash-sale", map[string]int{"stock": 42}, "sale.amend", `"total":42`},
	{"seed", http.MethodPost, "/api/users/seed", map[string]int{"userCount": 40}, "users.seed", `"usersCreated":30`},
	{"archive", http.MethodDelete, "/api/users/reset", nil, "users.archive", `"usersRemoved":20`},
}

// The database goes away between the commit and the look at its result. A committed reset, seeding or archiving was answered
// "not available, please try again".
func TestEveryActThatIsCommittedIsAnswered(t *testing.T) {
	t.Parallel()
	for _, act := range committedActs {
		t.Run(act.name, func(t *testing.T) {
			t.Parallel()
			d := newDeployment(t)
			proxy := through(t, &d)
			c := newClient(t, d.start(t).URL())
			proxy.at(act.mark, thenAway)
			r := c.Act(act.method, act.path, act.body, "If-Match: *")
			if !proxy.back() {
				t.Fatal("the proxy has seen no commit")
			}
			if r.Status != http.StatusOK || !strings.Contains(r.Raw, act.says) {
				t.Errorf("a committed act is answered %d %s", r.Status, r.Raw)
			}
		})
	}
}

func TestACancellationThatIsCommittedIsAnswered(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	proxy := through(t, &d)
	c := newClient(t, d.start(t).URL())
	bought := c.BuySettled("john_doe_1")
	proxy.at("order.cancel", thenAway)
	r := c.Act(http.MethodPost, "/api/admin/orders/"+bought.Text("purchaseId")+"/cancel", map[string]string{"reason": "x"})
	if !proxy.back() {
		t.Fatal("the proxy has seen no commit")
	}
	if r.Status != http.StatusOK || r.Figure("after", "sold") != 0 {
		t.Errorf("a committed cancellation is answered %d %s", r.Status, r.Raw)
	}
}

// The figures beside the answer were those that this process had before the act.
func TestAPageShowsWhatACommittedActDidThoughItCannotBeLookedUp(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	proxy := through(t, &d)
	c := newClient(t, d.start(t).URL())
	form := page(t, c)["update-stock"].with("stockAmount", "42")
	proxy.at("sale.stock", thenAway)
	r := submit(t, c, form, true)
	if !proxy.back() {
		t.Fatal("the proxy has seen no commit")
	}
	if r.status != http.StatusOK || !strings.Contains(r.page, "The stock is now 42 units") || !strings.Contains(r.page, `data-testid="total-stock">42<`) ||
		!strings.Contains(r.page, `data-revision="2"`) {
		t.Errorf("answered %d %s", r.status, r.page)
	}
}

// The operator's connection ends while the act is under way. It is done or not done; a repeat with its key tells, and it is done once.
func TestAnActWhoseClientLeavesIsDoneOnceForItsKey(t *testing.T) {
	t.Parallel()
	a := newDeployment(t).start(t)
	c := newClient(t, a.URL())
	for i := range 12 {
		key := "Idempotency-Key: left " + string(rune('a'+i))
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*time.Millisecond)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Base+"/api/flash-sale/reset", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Idempotency-Key", strings.TrimPrefix(key, "Idempotency-Key: "))
		if res, err := c.HTTP.Do(req); err == nil {
			_ = res.Body.Close()
		}
		cancel()
		var r reply
		eventually(t, "the act under way to end", func() bool {
			r = c.Act(http.MethodPost, "/api/flash-sale/reset", nil, key)
			return r.Text("type") != "/problems/key-running"
		})
		if r.Is(t, http.StatusOK, ""); r.Number("generation") != float64(i+2) {
			t.Errorf("act %d is answered %s", i, r.Raw)
		}
	}
}
